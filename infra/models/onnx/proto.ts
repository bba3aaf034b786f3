// ONNX ModelProto as TypeScript reads and writes it. Field numbers are those of the public onnx.proto; every
// field of version 1.19 is listed, so decoding and encoding again loses nothing.

import protobuf from 'protobufjs';

/** A protobuf int64: small ones may be written as numbers, decoded ones are Long objects. */
export type Int64 = number | { toNumber(): number };

export interface TensorProto {
  name?: string;
  dims?: Int64[];
  dataType?: number;
  floatData?: number[];
  int32Data?: number[];
  int64Data?: Int64[];
  doubleData?: number[];
  rawData?: Uint8Array;
  externalData?: { key?: string; value?: string }[];
  dataLocation?: number;
}

export interface AttributeProto {
  name?: string;
  type?: number;
  f?: number;
  i?: Int64;
  s?: Uint8Array;
  t?: TensorProto | null;
  g?: GraphProto | null;
  floats?: number[];
  ints?: Int64[];
  strings?: Uint8Array[];
  tensors?: TensorProto[];
  graphs?: GraphProto[];
}

export interface NodeProto {
  input: string[];
  output: string[];
  name?: string;
  opType: string;
  domain?: string;
  attribute: AttributeProto[];
}

export interface Dimension {
  dimValue?: Int64;
  dimParam?: string;
}

export interface ValueInfoProto {
  name: string;
  type?: { tensorType?: { elemType?: number; shape?: { dim?: Dimension[] } | null } | null } | null;
}

export interface GraphProto {
  node: NodeProto[];
  name?: string;
  initializer: TensorProto[];
  input: ValueInfoProto[];
  output: ValueInfoProto[];
  valueInfo: ValueInfoProto[];
}

export interface ModelProto {
  irVersion?: Int64;
  opsetImport: { domain?: string; version?: Int64 }[];
  producerName?: string;
  graph?: GraphProto | null;
  functions?: { name?: string; node: NodeProto[] }[];
}

// One line per field: `number name type`, `*` marks repeated, `?group` a oneof.
const MESSAGES: Record<string, string> = {
  AttributeProto: `
    1 name string; 21 refAttrName string; 13 docString string; 20 type int32; 2 f float; 3 i int64;
    4 s bytes; 5 t TensorProto; 6 g GraphProto; 22 sparseTensor SparseTensorProto; 14 tp TypeProto;
    7 floats* float; 8 ints* int64; 9 strings* bytes; 10 tensors* TensorProto; 11 graphs* GraphProto;
    23 sparseTensors* SparseTensorProto; 15 typeProtos* TypeProto`,
  ValueInfoProto: '1 name string;2 type TypeProto;3 docString string;4 metadataProps* StringStringEntryProto',
  NodeProto: `
    1 input* string; 2 output* string; 3 name string; 4 opType string; 7 domain string;
    8 overload string; 5 attribute* AttributeProto; 6 docString string;
    9 metadataProps* StringStringEntryProto; 10 deviceConfigurations* NodeDeviceConfigurationProto`,
  IntIntListEntryProto: '1 key int64;2 value* int64',
  NodeDeviceConfigurationProto:
    '1 configurationId string;2 shardingSpec* ShardingSpecProto;3 pipelineStage int32',
  ShardingSpecProto: `
    1 tensorName string; 2 device* int64; 3 indexToDeviceGroupMap* IntIntListEntryProto;
    4 shardedDim* ShardedDimProto`,
  ShardedDimProto: '1 axis int64;2 simpleSharding* SimpleShardedDimProto',
  SimpleShardedDimProto: '1 dimValue int64 ?dim;2 dimParam string ?dim;3 numShards int64',
  TrainingInfoProto: `
    1 initialization GraphProto; 2 algorithm GraphProto;
    3 initializationBinding* StringStringEntryProto; 4 updateBinding* StringStringEntryProto`,
  ModelProto: `
    1 irVersion int64; 8 opsetImport* OperatorSetIdProto; 2 producerName string;
    3 producerVersion string; 4 domain string; 5 modelVersion int64; 6 docString string;
    7 graph GraphProto; 14 metadataProps* StringStringEntryProto; 20 trainingInfo* TrainingInfoProto;
    25 functions* FunctionProto; 26 configuration* DeviceConfigurationProto`,
  DeviceConfigurationProto: '1 name string;2 numDevices int32;3 device* string',
  StringStringEntryProto: '1 key string;2 value string',
  TensorAnnotation: '1 tensorName string;2 quantParameterTensorNames* StringStringEntryProto',
  GraphProto: `
    1 node* NodeProto; 2 name string; 5 initializer* TensorProto;
    15 sparseInitializer* SparseTensorProto; 10 docString string; 11 input* ValueInfoProto;
    12 output* ValueInfoProto; 13 valueInfo* ValueInfoProto;
    14 quantizationAnnotation* TensorAnnotation; 16 metadataProps* StringStringEntryProto`,
  TensorProto: `
    1 dims* int64; 2 dataType int32; 3 segment Segment; 4 floatData* float packed;
    5 int32Data* int32 packed; 6 stringData* bytes; 7 int64Data* int64 packed; 8 name string;
    12 docString string; 9 rawData bytes; 13 externalData* StringStringEntryProto;
    14 dataLocation int32; 10 doubleData* double packed; 11 uint64Data* uint64 packed;
    16 metadataProps* StringStringEntryProto`,
  Segment: '1 begin int64;2 end int64',
  SparseTensorProto: '1 values TensorProto;2 indices TensorProto;3 dims* int64',
  TensorShapeProto: '1 dim* Dimension',
  Dimension: '1 dimValue int64 ?value;2 dimParam string ?value;3 denotation string',
  TypeProto: `
    1 tensorType TensorType ?value; 4 sequenceType ElementType ?value; 5 mapType MapType ?value;
    9 optionalType ElementType ?value; 8 sparseTensorType TensorType ?value;
    7 opaqueType OpaqueType ?value; 6 denotation string`,
  TensorType: '1 elemType int32;2 shape TensorShapeProto',
  ElementType: '1 elemType TypeProto',
  MapType: '1 keyType int32;2 valueType TypeProto',
  OpaqueType: '1 domain string;2 name string',
  OperatorSetIdProto: '1 domain string;2 version int64',
  FunctionProto: `
    1 name string; 4 input* string; 5 output* string; 6 attribute* string;
    11 attributeProto* AttributeProto; 7 node* NodeProto; 8 docString string;
    9 opsetImport* OperatorSetIdProto; 10 domain string; 13 overload string;
    12 valueInfo* ValueInfoProto; 14 metadataProps* StringStringEntryProto`,
};

const modelType = buildRoot().lookupType('ModelProto');

/**
 * Parses a serialised ONNX model. Weight bytes are views into `bytes`, not copies.
 * @throws Error where the bytes are not a protobuf message of this shape; the caller says which file.
 */
export function decodeModel(bytes: Uint8Array): ModelProto {
  return modelType.decode(bytes) as unknown as ModelProto;
}

/** Serialises a model; fields that were never set stay absent. */
export function encodeModel(model: ModelProto): Uint8Array {
  return modelType.encode(model as unknown as Record<string, unknown>).finish();
}

/** An int64 as a number; ONNX sizes and axes fit 2^53. */
export function int(value: Int64 | undefined): number {
  if (value === undefined) return 0;
  return typeof value === 'number' ? value : value.toNumber();
}

function buildRoot(): protobuf.Root {
  const nested: Record<string, protobuf.IType> = {};
  for (const [name, text] of Object.entries(MESSAGES)) nested[name] = messageType(text);
  return protobuf.Root.fromJSON({ nested });
}

function messageType(text: string): protobuf.IType {
  const fields: Record<string, protobuf.IField> = {};
  const oneofs: Record<string, { oneof: string[] }> = {};
  for (const line of text.split(';')) {
    const [id, marked, type, flag] = line.trim().split(' ') as [string, string, string, string | undefined];
    const repeated = marked.endsWith('*');
    const name = repeated ? marked.slice(0, -1) : marked;
    const rule = repeated ? { rule: 'repeated', options: { packed: flag === 'packed' } } : {};
    fields[name] = { id: Number(id), type, ...rule };
    if (!flag?.startsWith('?')) continue;
    const group = flag.slice(1);
    oneofs[group] ??= { oneof: [] };
    oneofs[group].oneof.push(name);
  }
  return { fields, oneofs };
}
