/** All rows. */

import type { FieldRow } from './row.ts';
import { activationRows } from './rows/activation.ts';
import { composeHabitRows } from './rows/compose-habits.ts';
import { fleetRows } from './rows/fleet.ts';
import { interruptionRows } from './rows/interruption.ts';
import { neighbourRows } from './rows/neighbours.ts';
import { soakRows } from './rows/soak.ts';
import { wayBackRows } from './rows/way-back.ts';

export const ROWS: readonly FieldRow[] = [
  ...activationRows,
  ...soakRows,
  ...wayBackRows,
  ...fleetRows,
  ...neighbourRows,
  ...composeHabitRows,
  ...interruptionRows,
];
