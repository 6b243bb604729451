import * as b from './cycle_b.mjs';
export const ofA = 'a';
export {b};
export let late;
export default function () {}
export function setLate(v) { late = v; }
export * as again from './cycle_a.mjs';
