// Union of components: which points belong together so far.

/** Components of points that are joined one edge at a time. */
export interface ComponentForest {
  /** How many components there are. */
  count(): number;
  /** Label of the largest component: its root; of equals the lowest. */
  largest(): number;
  /** Label of every point's component: one of its points. */
  labels(): Uint32Array;
  /** Joins two points' components; false where they are one already. */
  join(a: number, b: number): boolean;
}

/** A forest of `rows` components of one point each. */
export function componentForest(rows: number): ComponentForest {
  const parent = Uint32Array.from({ length: rows }, (_, row) => row);
  const size = new Uint32Array(rows).fill(1);
  let count = rows;
  function rootOf(row: number): number {
    let at = row;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at]!]!;
      at = parent[at]!;
    }
    return at;
  }
  return {
    count: () => count,
    largest: () => size.reduce((most, own, row) => (own > size[most]! ? row : most), 0),
    labels: () => parent.map((_, row) => rootOf(row)),
    join(a, b) {
      const left = rootOf(a);
      const right = rootOf(b);
      if (left === right) return false;
      const [kept, gone] = size[left]! >= size[right]! ? [left, right] : [right, left];
      parent[gone] = kept;
      size[kept] = size[kept]! + size[gone]!;
      count--;
      return true;
    },
  };
}
