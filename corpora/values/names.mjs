// A module whose namespace corpora/values looks at.
export const fixed = 'a constant';
export let counter = 1;
export function increase() { counter += 1.5; }
export class Exported {}
export {renamed as default};
const renamed = {by: 'default'};
export let missing;
export * from './others.mjs';
