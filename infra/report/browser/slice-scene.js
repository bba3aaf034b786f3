// What a plane consists of: unpacks polygons (infra/report/sections/slices.ts packs them), and answers about them.
(() => {
  const unpacked = new Map();

  async function unpack(slice) {
    const known = unpacked.get(slice);
    if (known) return known;
    const packed = Uint8Array.from(atob(slice.data), (unit) => unit.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    const data = new DataView(bytes.buffer);
    const count = data.getUint32(0, true);
    const vertices = data.getUint32(4, true);
    const scene = {
      slice,
      count,
      first: new Uint32Array(count + 1),
      classes: new Int16Array(count),
      slopes: new Float32Array(count),
      bytes,
    };
    for (let i = 0; i < count; i++) {
      scene.first[i + 1] = scene.first[i] + data.getUint16(8 + 2 * i, true);
      scene.classes[i] = data.getInt16(8 + 2 * count + 2 * i, true);
      scene.slopes[i] = data.getFloat32(8 + 4 * count + 4 * i, true);
    }
    scene.xy = new Float32Array(vertices * 2);
    for (let i = 0; i < vertices * 2; i++) scene.xy[i] = data.getUint16(8 + 16 * count + 2 * i, true) / 65535;
    const finite = scene.slopes.filter((slope) => slope > 0);
    scene.low = Math.log(finite.length ? finite.reduce((a, b) => Math.min(a, b)) : 1);
    scene.high = Math.log(finite.length ? finite.reduce((a, b) => Math.max(a, b)) : 1);
    unpacked.set(slice, scene);
    return scene;
  }

  function digestOf({ bytes, count }, i) {
    const from = 8 + 8 * count + 8 * i;
    return [...bytes.subarray(from, from + 8)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  /** Where a slope lies among those of the plane, 0 to 1, on a logarithmic scale. */
  function slopeShare({ slopes, low, high }, i) {
    return slopes[i] > 0 && high > low ? (Math.log(slopes[i]) - low) / (high - low) : 0.5;
  }

  function fillOf(scene, i, { mode, classes }) {
    if (mode === 'slope')
      return `hsl(${250 - 200 * slopeShare(scene, i)} 60% ${30 + 45 * slopeShare(scene, i)}%)`;
    if (mode === 'code' || scene.classes[i] < 0) {
      const from = 8 + 8 * scene.count + 8 * i;
      const [a, b] = [scene.bytes[from], scene.bytes[from + 1]];
      return `hsl(${Math.round((a * 360) / 256)} ${40 + (b % 32)}% ${52 + (b >> 4)}%)`;
    }
    return classes[scene.classes[i]].colour;
  }

  function polygonAt(scene, x, y) {
    for (let i = 0; i < scene.count; i++) {
      let inside = false;
      const { first, xy } = scene;
      for (let a = first[i], b = first[i + 1] - 1; a < first[i + 1]; b = a++) {
        const [ax, ay, bx, by] = [xy[2 * a], xy[2 * a + 1], xy[2 * b], xy[2 * b + 1]];
        if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
      }
      if (inside) return i;
    }
    return -1;
  }

  globalThis.sliceScene = { unpack, digestOf, slopeShare, fillOf, polygonAt };
})();
