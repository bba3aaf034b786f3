// E2: density clusters of activations and codes.

import { z } from 'zod';

export const clustersOptions = z.strictObject({}).describe('E2: density clusters of activations and codes.');
