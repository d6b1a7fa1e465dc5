/** `code` of the problem that answers plain HTTP on a port of TLS: nothing of what was sent has been looked at. */
export const TLS_REQUIRED = 'tls_required';
