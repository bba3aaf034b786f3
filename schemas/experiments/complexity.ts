// Local complexity (Humayun et al. 2024).

import { z } from 'zod';

export const complexityOptions = z.strictObject({}).describe('Local complexity (Humayun et al. 2024).');
