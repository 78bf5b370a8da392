/** Architectures images are made for, by the names RPM and the output files use. */
export const ARCHES = ['x86_64', 'aarch64'] as const;
export type Arch = (typeof ARCHES)[number];
