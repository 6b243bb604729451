import {readFileSync} from 'fs';
export const size = readFileSync(new URL(import.meta.url)).length;
