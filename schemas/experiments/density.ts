// E3: boundary density between and within classes.

import { z } from 'zod';

export const densityOptions = z.strictObject({}).describe('E3: boundary density between and within classes.');
