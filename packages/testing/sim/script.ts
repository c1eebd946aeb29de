// What people and other systems do to the runs of a simulation: who is started, told and cancelled, and when.

/** One deed from outside. Each is done until it is known to be done. */
export type Deed = { readonly at: number } & (
  | { readonly kind: 'start'; readonly run: string; readonly program: number; readonly how: 'alone' | 'tx' }
  | { readonly kind: 'signal'; readonly run: string; readonly signal: string; readonly payload: string;
      readonly how: 'alone' | 'tx' }
  | { readonly kind: 'event'; readonly key: string; readonly payload: string }
  | { readonly kind: 'cancel'; readonly run: string }
  | { readonly kind: 'result'; readonly run: string; readonly program: number });

/** A name for what each deed is about. */
export function nameOf(deed: Deed): string {
  return deed.kind === 'event' ? deed.payload : `${deed.kind} ${deed.run}` +
    (deed.kind === 'signal' ? ` ${deed.payload}` : '');
}
