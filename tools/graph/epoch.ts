/**
 * The one time stamp of everything the store hands out and of every sandbox's SOURCE_DATE_EPOCH (2023-11-14T22:13:20Z). When a file
 * was made must never be something that an action can see.
 */
export const EPOCH_SECONDS = 1_700_000_000;
