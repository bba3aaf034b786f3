// E5: the exact partition of a plane.

import { z } from 'zod';

export const sliceOptions = z.strictObject({}).describe('E5: the exact partition of a plane.');
