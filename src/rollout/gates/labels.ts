/** Labels of a host that its gates read. */

/** Hosts, or `key=value` selectors of hosts, that must have converged before this one is dispatched. */
export const AFTER_LABEL = 'after';

/** When the host may be changed; see `parse-windows`. */
export const WINDOW_LABEL = 'maintenance-window';
