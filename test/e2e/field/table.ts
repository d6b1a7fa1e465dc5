/** All rows: those that hold, and those that wait for what they promise. */

import { pendingStackRows } from './pending/stacks.ts';
import type { FieldRow } from './row.ts';
import { activationRows } from './rows/activation.ts';
import { backAsBeforeRows } from './rows/back-as-before.ts';
import { composeFileRows } from './rows/compose-files.ts';
import { composeHabitRows } from './rows/compose-habits.ts';
import { crashRows } from './rows/crashes.ts';
import { cutOffRows } from './rows/cut-off.ts';
import { engineLossRows } from './rows/engine-loss.ts';
import { fleetRows } from './rows/fleet.ts';
import { fleetToolRows } from './rows/fleet-tools.ts';
import { hostTroubleRows } from './rows/host-trouble.ts';
import { imageByteRows } from './rows/image-bytes.ts';
import { interruptionRows } from './rows/interruption.ts';
import { lostHostRows } from './rows/lost-hosts.ts';
import { neighbourRows } from './rows/neighbours.ts';
import { orderRows } from './rows/orders.ts';
import { planRows } from './rows/plan.ts';
import { pullBudgetRows } from './rows/pull-budget.ts';
import { soakRows } from './rows/soak.ts';
import { stackDataRows } from './rows/stack-data.ts';
import { stackRows } from './rows/stacks.ts';
import { stuckRollbackRows } from './rows/stuck-rollbacks.ts';
import { telemetryRows } from './rows/telemetry.ts';
import { wayBackRows } from './rows/way-back.ts';
import { changeRows } from './rows/what-changes.ts';

export const ROWS: readonly FieldRow[] = [
  ...activationRows,
  ...soakRows,
  ...telemetryRows,
  ...wayBackRows,
  ...fleetRows,
  ...fleetToolRows,
  ...lostHostRows,
  ...neighbourRows,
  ...composeHabitRows,
  ...composeFileRows,
  ...planRows,
  ...interruptionRows,
  ...stackDataRows,
  ...hostTroubleRows,
  ...crashRows,
  ...backAsBeforeRows,
  ...cutOffRows,
  ...engineLossRows,
  ...stackRows,
  ...changeRows,
  ...imageByteRows,
  ...orderRows,
  ...pullBudgetRows,
  ...stuckRollbackRows,
];

/** Not run unless somebody asks for them: each moves to the rows above together with the change that makes it hold. */
export const PENDING_ROWS: readonly FieldRow[] = [...pendingStackRows];
