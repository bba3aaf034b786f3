// Sparse class histograms of many regions in one buffer: linked (class, count) nodes, the last used class first.

import { grown } from './region-rows.ts';

const NODE = 3; // class, count, next node (-1 ends)

export class ClassPool {
  nodes: Int32Array = new Int32Array(3072);
  used = 0;

  /**
   * Adds `count` points of a class to the histogram at `head` (-1 for an empty one).
   * @returns the new head.
   */
  add(head: number, classId: number, count: number): number {
    const { nodes } = this;
    let before = -1;
    for (let node = head; node >= 0; before = node, node = nodes[node + 2]!) {
      if (nodes[node] !== classId) continue;
      nodes[node + 1]! += count;
      if (before < 0) return head;
      nodes[before + 2] = nodes[node + 2]!;
      nodes[node + 2] = head;
      return node;
    }
    return this.append(head, classId, count);
  }

  /** Writes the histogram at `head` to `ids` and `counts` from `at` on, classes ascending; returns its length. */
  copyTo(ids: Int32Array, counts: Int32Array, head: number, at: number): number {
    let length = 0;
    for (let node = head; node >= 0; node = this.nodes[node + 2]!, length++) {
      let hole = at + length;
      for (; hole > at && ids[hole - 1]! > this.nodes[node]!; hole--) {
        ids[hole] = ids[hole - 1]!;
        counts[hole] = counts[hole - 1]!;
      }
      ids[hole] = this.nodes[node]!;
      counts[hole] = this.nodes[node + 1]!;
    }
    return length;
  }

  private append(head: number, classId: number, count: number): number {
    const node = this.used;
    this.used += NODE;
    this.nodes = grown(this.nodes, this.used);
    this.nodes[node] = classId;
    this.nodes[node + 1] = count;
    this.nodes[node + 2] = head;
    return node;
  }
}
