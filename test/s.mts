import { benchUpload } from './bench/upload.bench.ts';
console.log(await benchUpload());
