import type { Advance } from '../record/advance.ts';

export type Action =
  | Advance
  /** Have the files of `release` on disk and resolved. */
  | { readonly do: 'prepare'; readonly release: string; readonly limitMs: number }
  /** Have its images on this host. `onlyMissing`: whatever the services' pull policies say. */
  | { readonly do: 'pull'; readonly release: string; readonly onlyMissing: boolean; readonly limitMs: number }
  /** Find out whether something of this host is in its way. */
  | { readonly do: 'check'; readonly release: string; readonly limitMs: number }
  /**
   * Make it what runs. `afresh`: containers that were made and never ran are made anew, as they may never run. `renew`:
   * so are those that are not well, though nothing about them changes. `except`: services that are left alone.
   */
  | {
      readonly do: 'up';
      readonly release: string;
      readonly afresh: boolean;
      readonly renew: boolean;
      readonly except: readonly string[];
      readonly limitMs: number;
    }
  /** Take the project away, but not its volumes. */
  | { readonly do: 'down'; readonly limitMs: number }
  /** Nothing to do before then, unless something happens. */
  | { readonly do: 'wait'; readonly ms: number };
