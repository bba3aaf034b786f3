// A run.json with the keys that every run has, for tests that need a run to have one.

export function plainManifest(runId: string, status: 'running' | 'done') {
  return {
    runId,
    kind: 'sweep',
    status,
    config: { kind: 'sweep' },
    configSha256: '0'.repeat(64),
    model: null,
    data: null,
    versions: {},
    createdAt: '2026-01-01T00:00:00.000Z',
    skipped: [],
    notices: [],
  };
}
