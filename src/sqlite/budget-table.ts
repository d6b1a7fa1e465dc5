import type { Budget } from '../domain/budget.ts';
import type { Connection } from './connection.ts';

interface BudgetRow {
  label: string;
  value: string;
  max_in_flight: number;
}

export interface BudgetTable {
  /** In the order of their labels. */
  all(): Budget[];
  save(budget: Budget): void;
  remove(label: string, value: string): void;
}

export function createBudgetTable(connection: Connection): BudgetTable {
  const selectAll = connection.prepare<BudgetRow>("SELECT * FROM budgets ORDER BY label || '=' || value");
  const upsert = connection.prepare<never>(
    `INSERT INTO budgets (label, value, max_in_flight) VALUES (?, ?, ?)
     ON CONFLICT (label, value) DO UPDATE SET max_in_flight = excluded.max_in_flight`,
  );
  const remove = connection.prepare<never>('DELETE FROM budgets WHERE label = ? AND value = ?');
  return {
    all: () => selectAll.all().map((row) => ({ label: row.label, value: row.value, maxInFlight: row.max_in_flight })),
    save: ({ label, value, maxInFlight }) => void upsert.run(label, value, maxInFlight),
    remove: (label, value) => void remove.run(label, value),
  };
}
