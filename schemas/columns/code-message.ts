// The Arrow batches on the code log, as data. Every message value is one Arrow IPC stream with one record batch.

/** Bumped when a message's columns change; what older encoders have left on a log is read as well. */
export const MESSAGE_LAYOUT_VERSION = 2;

/** The three kinds of message. A batch sends `codes` to every partition (even an empty one), the others to `shard mod P`. */
export type MessageKind = 'codes' | 'points' | 'units';

/**
 * `codes`: the rows of one encoded batch whose digest falls in this partition, one list for each span of the plan, by point.
 * `words` has `codeBytes` for each of them, or none where the span travels by its digests alone: those of other spans follow from
 * the words.
 */
export const CODES_COLUMNS = [
  { name: 'span', type: 'int16', unit: "index into the plan's spans" },
  { name: 'point_id', type: 'list<int32>', unit: 'rows of the data set' },
  { name: 'label', type: 'list<int32>', unit: 'class ids, -1 for none' },
  { name: 'words', type: 'binary', unit: 'little-endian code words' },
  { name: 'digest', type: 'binary', unit: '128-bit hashes of span and words' },
] as const;

/** The same in layout 1: a row for each code. */
export const CODES_COLUMNS_1 = [
  { name: 'span', type: 'int16', unit: "index into the plan's spans" },
  { name: 'point_id', type: 'int32', unit: 'row of the data set' },
  { name: 'label', type: 'int32', unit: 'class id, -1 for none' },
  { name: 'digest', type: 'fixed[16]', unit: '128-bit hash of span and words' },
  { name: 'words', type: 'binary', unit: 'little-endian code words' },
] as const;

/**
 * `points`: the batch's rows of the points table, in point order, without label names; of the nullable columns only those that the
 * run has (layout 1: all). After them come, by `codes.keep`, `digest_<span>` fixed[16] or `words_<span>` binary for every span (null where the point is not on the span's grid).
 */
export const POINT_COLUMNS = [
  { name: 'point_id', type: 'int32', unit: 'row of the data set', nullable: false },
  { name: 'source_id', type: 'utf8', unit: 'file and row, or document', nullable: false },
  { name: 'label', type: 'int32', unit: 'class id, -1 for none', nullable: false },
  { name: 'position_y', type: 'int16', unit: 'row of the conv grid', nullable: true },
  { name: 'position_x', type: 'int16', unit: 'column of the conv grid', nullable: true },
  { name: 'token_index', type: 'int32', unit: 'token within its document', nullable: true },
  { name: 'token_id', type: 'int32', unit: 'vocabulary id', nullable: true },
  { name: 'context', type: 'utf8', unit: 'text around the token', nullable: true },
  { name: 'pred_class', type: 'int32', unit: 'argmax of the logits', nullable: true },
  { name: 'pred_prob', type: 'float32', unit: 'softmax probability of pred_class', nullable: true },
  { name: 'norm_start', type: 'float32', unit: 'L2 norm of the model input', nullable: true },
  { name: 'n_ambiguous', type: 'int32', unit: 'bits that rounding could flip', nullable: true },
] as const;

/**
 * `units`: one row per tap and class that occurs in the batch. `on` is `[codeBits]` uint32 little-endian: in how many of the
 * batch's `rows` rows of that class each unit was on. `soft` sums, over all units, how often |z| < 2 (NaN where piecewise linear);
 * it stands on the tap's first row of the batch, 0 elsewhere.
 */
export const UNITS_COLUMNS = [
  { name: 'tap', type: 'int16', unit: "index into the plan's taps" },
  { name: 'class', type: 'int32', unit: 'class id, -1 for none' },
  { name: 'rows', type: 'int32', unit: 'code rows' },
  { name: 'on', type: 'binary', unit: 'uint32 counts' },
  { name: 'soft', type: 'float64', unit: 'pre-activations' },
] as const;
