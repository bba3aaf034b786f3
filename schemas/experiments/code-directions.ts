// E9: directions in spline-code space.

import { z } from 'zod';

export const codeDirectionsOptions = z.strictObject({}).describe('E9: directions in spline-code space.');
