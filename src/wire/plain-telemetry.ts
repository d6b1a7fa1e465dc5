/**
 * Nearly every telemetry body is in order, and a schema that can say what is wrong costs many times as much as seeing
 * that nothing is. So a body is looked at here first. The answer is yes only for what `telemetrySchema` takes as it
 * stands; whatever is in doubt is left to the schema, which judges and finds the words.
 */
import { parseInstant } from '../domain/instant.ts';
import { TELEMETRY_LIMITS } from '../domain/telemetry.ts';

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown, min: number, max: number): boolean {
  return typeof value === 'string' && value.length >= min && value.length <= max;
}

function isNumber(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && value >= min && value <= max;
}

function isAbsent(value: unknown): boolean {
  return value === null || value === undefined;
}

function mayBeText(value: unknown, max: number): boolean {
  return isAbsent(value) || isText(value, 0, max);
}

function mayBeInstant(value: unknown): boolean {
  return isAbsent(value) || (typeof value === 'string' && parseInstant(value) !== undefined);
}

/** A measured value: finite, not negative. */
function mayBeGauge(value: unknown, max = Number.MAX_VALUE): boolean {
  return isAbsent(value) || isNumber(value, 0, max);
}

function mayBeCount(value: unknown, min = 0, max = Number.MAX_SAFE_INTEGER): boolean {
  return isAbsent(value) || (Number.isInteger(value) && isNumber(value, min, max));
}

function isPlainHost(host: unknown): boolean {
  if (!isFields(host) || !isFields(host['metrics'])) return false;
  const { metrics, facts } = host;
  return isPlainMetrics(metrics) && (isAbsent(facts) || isPlainFacts(facts));
}

function isPlainMetrics(metrics: Fields): boolean {
  return (
    mayBeGauge(metrics['cpu_percent'], 100) &&
    mayBeGauge(metrics['load_average']) &&
    mayBeCount(metrics['memory_used_mb']) &&
    mayBeCount(metrics['memory_total_mb']) &&
    mayBeCount(metrics['disk_used_gb']) &&
    mayBeCount(metrics['disk_total_gb']) &&
    mayBeCount(metrics['network_rx_bytes']) &&
    mayBeCount(metrics['network_tx_bytes'])
  );
}

function isPlainFacts(facts: unknown): boolean {
  return (
    isFields(facts) &&
    mayBeCount(facts['cpu_count'], 1, 1024) &&
    mayBeCount(facts['memory_total_mb']) &&
    mayBeCount(facts['disk_total_gb']) &&
    mayBeText(facts['os'], 80) &&
    mayBeText(facts['docker_version'], 32)
  );
}

function isPlainContainer(container: unknown): boolean {
  return (
    isFields(container) &&
    isText(container['container_id'], 1, 80) &&
    isText(container['name'], 1, 255) &&
    isText(container['image'], 1, 255) &&
    mayBeText(container['image_tag'], 128) &&
    mayBeText(container['status'], 32) &&
    mayBeText(container['state'], 32) &&
    mayBeText(container['health_status'], 16) &&
    mayBeInstant(container['started_at']) &&
    mayBeInstant(container['finished_at']) &&
    (isAbsent(container['ports']) || isTextList(container['ports'])) &&
    (isAbsent(container['labels']) || isTextMap(container['labels'])) &&
    (isAbsent(container['metrics']) || isPlainContainerMetrics(container['metrics']))
  );
}

function isTextList(list: unknown): boolean {
  return Array.isArray(list) && list.every((entry) => typeof entry === 'string');
}

function isTextMap(map: unknown): boolean {
  return isFields(map) && Object.values(map).every((entry) => typeof entry === 'string');
}

function isPlainContainerMetrics(metrics: unknown): boolean {
  return (
    isFields(metrics) &&
    mayBeGauge(metrics['cpu_percent']) &&
    mayBeCount(metrics['memory_usage_mb']) &&
    mayBeCount(metrics['memory_limit_mb']) &&
    mayBeCount(metrics['network_rx_bytes']) &&
    mayBeCount(metrics['network_tx_bytes']) &&
    mayBeCount(metrics['block_read_bytes']) &&
    mayBeCount(metrics['block_write_bytes'])
  );
}

function isPlainContainers(containers: unknown): boolean {
  return (
    Array.isArray(containers) &&
    containers.length <= TELEMETRY_LIMITS.maxContainers &&
    containers.every(isPlainContainer)
  );
}

/** Whether a parsed body keeps every rule of one tick at first sight. */
export function isPlainTelemetry(body: unknown): boolean {
  if (!isFields(body)) return false;
  const { recorded_at: recordedAt, host, containers } = body;
  return (
    typeof recordedAt === 'string' &&
    parseInstant(recordedAt) !== undefined &&
    isPlainHost(host) &&
    (isAbsent(containers) || isPlainContainers(containers))
  );
}
