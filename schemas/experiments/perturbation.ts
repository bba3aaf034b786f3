// E6: random and adversarial directions.

import { z } from 'zod';

export const perturbationOptions = z.strictObject({}).describe('E6: random and adversarial directions.');
