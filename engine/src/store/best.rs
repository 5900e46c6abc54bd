/// Keeps the `limit` entries of largest score, largest first; equal ones by number.
pub(crate) fn keep_best(entries: &mut Vec<(u32, f32)>, limit: usize) {
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if limit == 0 {
        entries.clear();
    } else if entries.len() > limit {
        entries.select_nth_unstable_by(limit - 1, order);
        entries.truncate(limit);
    }
    entries.sort_unstable_by(order);
}
