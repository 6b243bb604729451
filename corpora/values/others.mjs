export const other = 7n;
export const list = [1, 'two'];
