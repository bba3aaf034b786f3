// E1 and E8: scaling a vector, or moving along a direction.

import { z } from 'zod';

export const scalingOptions = z.strictObject({}).describe('E1 and E8: scaling a vector, or moving along a direction.');
