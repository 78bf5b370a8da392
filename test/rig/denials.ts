/** What the policy has denied since this boot, in the journal's own words. */
export const DENIALS = String.raw`journalctl --boot --no-pager --quiet | grep -E 'avc: +denied|not defined in policy' || true`;
