// Folders of image files: the name of a file's folder is its label.

import { createHash } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { DatasetConfig } from '#schemas/config.ts';
import { describeFault } from '#schemas/errors.ts';
import type { ShardSpec } from '#schemas/sweep.ts';
import type { DatasetPlan, DatasetReader, InputBatch } from '../../activities/ports.ts';
import { cachePath } from './cache-folder.ts';
import { dataInvalid, dataMissing, isBadFile } from './faults.ts';
import { filesBelow, findFiles, kindOfPath } from './globs.ts';
import { IMAGE_SUFFIXES, makeImageDecoder, readImageSize, shapeOfSize } from './image-decoder.ts';
