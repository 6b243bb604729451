export const before = 1;
await new Promise(() => {});
export const after = 2;
