// E4: boundary density along interpolations.

import { z } from 'zod';

export const interpolationOptions = z.strictObject({}).describe('E4: boundary density along interpolations.');
