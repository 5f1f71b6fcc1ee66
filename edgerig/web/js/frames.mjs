// Arrays of samples as bytes: the other end of `frames.py`, which says how they lie.

const ALIGNED = 8;
// A half is kept in its bits where the platform has no such array.
const Half = globalThis.Float16Array ?? Uint16Array;
export const KINDS = {
  float16: Half, float32: Float32Array, float64: Float64Array,
  int8: Int8Array, int16: Int16Array, int32: Int32Array, int64: BigInt64Array,
  uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array, bool: Uint8Array,
};

const aligned = (place) => Math.ceil(place / ALIGNED) * ALIGNED;
export const count = (shape) => shape.reduce((product, length) => product * length, 1);

// [[{dtype, shape, data}, … a tensor], … a sample]
export function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let place = aligned(4 + length);
  return header.map((sample) => sample.map(([dtype, shape]) => {
    const data = new KINDS[dtype](buffer, place, count(shape));
    place = aligned(place + data.byteLength);
    return { dtype, shape, data };
  }));
}

export function pack(samples) {
  const header = new TextEncoder().encode(
    JSON.stringify(samples.map((sample) => sample.map(({ dtype, shape }) => [dtype, shape]))));
  const arrays = samples.flat().map(({ data }) => data);
  const begin = aligned(4 + header.length);
  const size = arrays.reduce((sum, data) => aligned(sum + data.byteLength), begin);
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, header.length, true);
  bytes.set(header, 4);
  let place = begin;
  for (const data of arrays) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), place);
    place = aligned(place + data.byteLength);
  }
  return bytes;
}
