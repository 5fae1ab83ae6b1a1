//! How well residents are told apart, where somebody knows who is who: by pairs, by records (B-cubed), and how many
//! clusters show one person's data as another's.

use std::collections::{BTreeMap, HashMap, HashSet};

/// One record: who it is, in which cluster it was put, and to which group of people it belongs, if that is told.
#[derive(Clone, PartialEq, Eq)]
pub struct Judged {
    pub person: String,
    pub cluster: i64,
    pub group: String,
}

crate::record::personal::unprinted!(Judged);

/// Precision, recall and what they come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
}

impl Figures {
    fn of(precision: f64, recall: f64) -> Figures {
        let sum = precision + recall;
        let f1 = if sum > 0.0 { 2.0 * precision * recall / sum } else { 0.0 };
        Figures { precision, recall, f1 }
    }
}

/// The figures of a set of records.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    pub records: usize,
    pub persons: usize,
    pub clusters: usize,
    pub pairwise: Figures,
    pub bcubed: Figures,
    /// Clusters that hold more than one person.
    pub over_merged: usize,
    /// Of each group: persons, and those who share a cluster with somebody else.
    pub exposed: BTreeMap<String, (usize, usize)>,
}

/// Counts.
pub fn evaluate(records: &[Judged]) -> Evaluation {
    let mut cells: HashMap<(i64, &str), f64> = HashMap::new();
    let (mut clusters, mut persons) = (HashMap::new(), HashMap::new());
    for one in records {
        *cells.entry((one.cluster, one.person.as_str())).or_default() += 1.0;
        *clusters.entry(one.cluster).or_insert(0.0) += 1.0;
        *persons.entry(one.person.as_str()).or_insert(0.0) += 1.0;
    }
    let pairs = |many: f64| many * (many - 1.0) / 2.0;
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 1.0 };
    let right: f64 = cells.values().map(|many| pairs(*many)).sum();
    let said: f64 = clusters.values().map(|many| pairs(*many)).sum();
    let there: f64 = persons.values().map(|many| pairs(*many)).sum();
    let all = records.len() as f64;
    let precise: f64 =
        cells.iter().map(|((cluster, _), many)| many * many / clusters[cluster]).sum();
    let recalled: f64 = cells.iter().map(|((_, person), many)| many * many / persons[person]).sum();
    let mut inside: HashMap<i64, Vec<&str>> = HashMap::new();
    for (cluster, person) in cells.keys() {
        inside.entry(*cluster).or_default().push(person);
    }
    let over: Vec<&Vec<&str>> = inside.values().filter(|persons| persons.len() > 1).collect();
    let shown: HashSet<&str> = over.iter().flat_map(|persons| persons.iter().copied()).collect();
    let (mut exposed, mut seen) = (BTreeMap::new(), HashSet::new());
    for one in records {
        if seen.insert(one.person.as_str()) {
            let group: &mut (usize, usize) = exposed.entry(one.group.clone()).or_default();
            group.0 += 1;
            group.1 += usize::from(shown.contains(one.person.as_str()));
        }
    }
    Evaluation {
        records: records.len(),
        persons: persons.len(),
        clusters: clusters.len(),
        pairwise: Figures::of(share(right, said), share(right, there)),
        bcubed: Figures::of(share(precise, all), share(recalled, all)),
        over_merged: over.len(),
        exposed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_those_of_a_case_counted_by_hand() {
        let one =
            |person: &str, cluster| Judged { person: person.into(), cluster, group: "g".into() };
        // A's three records: two together, one alone; B is with A's two.
        let records = [one("A", 1), one("A", 1), one("A", 2), one("B", 1)];
        let found = evaluate(&records);
        let near = |one: f64, other: f64| (one - other).abs() < 1e-9;
        assert!(
            near(found.pairwise.precision, 1.0 / 3.0) && near(found.pairwise.recall, 1.0 / 3.0)
        );
        assert!(near(found.bcubed.precision, (4.0 / 3.0 + 1.0 + 1.0 / 3.0) / 4.0));
        assert!(near(found.bcubed.recall, (4.0 / 3.0 + 1.0 / 3.0 + 1.0) / 4.0));
        assert_eq!((found.over_merged, found.clusters, found.persons), (1, 2, 2));
        assert_eq!(found.exposed["g"], (2, 2));
    }
}
