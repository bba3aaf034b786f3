// How many polytope boundaries lie between two points, per unit of their distance.

/** Where two points of one space lie to each other. */
export interface PointPair {
  /** ||p - q||. */
  readonly distance: number;
  /** Angle at the origin in [0, π]; null where a point is the origin. */
  readonly angle: number | null;
  readonly normP: number;
  readonly normQ: number;
}

/**
 * Distance, angle and norms of two points of the space in which a span starts.
 * @param p - finite.
 * @param q - as long as `p`.
 * @throws RangeError where the lengths differ.
 * @see Kahan, "How Futile are Mindless Assessments of Roundoff", 2006, section 12 (angle).
 */
export function pointPair(p: ArrayLike<number>, q: ArrayLike<number>): PointPair {
  if (p.length !== q.length) throw new RangeError(`points of ${p.length} and ${q.length} coordinates`);
  let [pp, qq, gap] = [0, 0, 0];
  for (let i = 0; i < p.length; i++) {
    pp += p[i]! * p[i]!;
    qq += q[i]! * q[i]!;
    gap += (p[i]! - q[i]!) ** 2;
  }
  const [normP, normQ] = [Math.sqrt(pp), Math.sqrt(qq)];
  return { distance: Math.sqrt(gap), angle: angleBetween(p, q, normP, normQ), normP, normQ };
}

/** Boundaries between two points. */
export interface Boundaries {
  /** Bits in which the points' codes differ. */
  readonly hamming: number;
  /** Boundaries crossed on the straight segment; null where not solved. At least `hamming`. */
  readonly crossings: number | null;
  readonly codeBits: number;
}

export interface BoundaryDensity {
  /** Hamming distance per unit of distance; null where the points coincide. */
  readonly rhoHamming: number | null;
  /** Crossings per unit of distance; null where the points coincide or crossings were not solved. */
  readonly rhoCrossings: number | null;
  /** Hamming distance over bits. */
  readonly hNorm: number;
}

/**
 * Boundary densities of a pair. Codes and distance must have the same start space.
 * @throws RangeError for a code without bits.
 * @see polytope-lens specification, 1.6.
 */
export function boundaryDensity(
  { hamming, crossings, codeBits }: Boundaries,
  { distance }: Pick<PointPair, 'distance'>,
): BoundaryDensity {
  if (!(codeBits > 0)) throw new RangeError(`a code of ${codeBits} bits`);
  return {
    rhoHamming: distance > 0 ? hamming / distance : null,
    rhoCrossings: distance > 0 && crossings !== null ? crossings / distance : null,
    hNorm: hamming / codeBits,
  };
}

/** 2 atan(|p̂ - q̂| / |p̂ + q̂|), which keeps its precision near 0 and π where acos loses half of it. */
function angleBetween(
  p: ArrayLike<number>,
  q: ArrayLike<number>,
  normP: number,
  normQ: number,
): number | null {
  if (normP === 0 || normQ === 0) return null;
  let [apart, together] = [0, 0];
  for (let i = 0; i < p.length; i++) {
    const [a, b] = [p[i]! / normP, q[i]! / normQ];
    apart += (a - b) ** 2;
    together += (a + b) ** 2;
  }
  return 2 * Math.atan2(Math.sqrt(apart), Math.sqrt(together));
}
