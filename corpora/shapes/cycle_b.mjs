import * as a from './cycle_a.mjs';
export const ofB = {b: 1.5};
export {a};
export class InB {}
