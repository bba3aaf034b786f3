// A file that is not there may be no fault; storage that fails to say so is one.

/** For `catch` behind a read: a missing file or folder gives `fallback`, any other error is thrown on. */
export function unlessMissing<T>(fallback: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return fallback;
    throw error;
  };
}
