// Messages and stack traces of failures go through the payload codec too: they name files and values.

const { DefaultFailureConverter } = require('@temporalio/common');

exports.failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
