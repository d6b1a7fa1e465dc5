import pino from 'pino';
import { NexusError } from '../../domain/errors.ts';
import type { Log } from '../../domain/log.ts';
import { settingOf, type Terminal } from './terminal.ts';

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
type Level = (typeof LEVELS)[number];

function isLevel(text: string): text is Level {
  return LEVELS.some((level) => level === text);
}

const STDERR = 2;

/**
 * The structured log: one JSON object a line on stderr, written before the call returns, so that a crash loses no line.
 * NEXUS_LOG_LEVEL sets the lowest level that is logged (default `info`); throws `usage` for an unknown one.
 */
export function createLog(terminal: Terminal): Log {
  const level = settingOf(terminal, 'NEXUS_LOG_LEVEL') ?? 'info';
  if (!isLevel(level)) {
    throw new NexusError(
      'usage',
      `NEXUS_LOG_LEVEL is '${level}', which is not a log level: set it to one of ${LEVELS.join(', ')}.`,
    );
  }
  const destination = pino.destination({ fd: STDERR, sync: true });
  // Once stderr is closed there is nowhere left to report it, and a server must not die of it.
  destination.on('error', () => {});
  return pino(
    {
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: pino.stdSerializers.err, error: pino.stdSerializers.err },
    },
    destination,
  );
}
