//! `Document`: a plain tree of names, text and repeated groups. What every format becomes.
//!
//! One flat arena that keeps the record's own text and points into it: a value is decoded once and
//! copied only where the format had to unescape it. It knows nothing of any format.

use super::personal::unprinted;

/// How deep a record may nest before it is refused (bad input B4).
pub const DEPTH_MAX: usize = 128;
/// How many elements and attributes one record may have: each costs far more than its bytes.
pub const NODES_MAX: usize = 1_000_000;
/// How many namespaces one record may name.
pub const SPACES_MAX: usize = 1_000;

/// Where a name or a text stands: in the record's text, or among what had to be unescaped.
#[derive(Debug, Clone, Copy, Default)]
struct Slice {
    start: u32,
    len: u32,
    unescaped: bool,
}

/// A node's place in its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId(u32);

/// A namespace's number in its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpaceId(u16);

impl SpaceId {
    /// No namespace.
    pub const NONE: SpaceId = SpaceId(0);
}

const NONE: u32 = u32::MAX;

#[derive(Debug, Clone)]
struct Node {
    name: Slice,
    text: Slice,
    parent: u32,
    first: u32,
    last: u32,
    next: u32,
    /// Eight bytes of the name: most names are told apart, and short ones known, without reading them.
    mark: u64,
    /// Place in `spaces`, from 1; 0 is "no namespace".
    space: u16,
    attribute: bool,
    /// Its text fills the columns that were meant for it, to the last letter.
    fills: bool,
}

/// One step of a path: an element or an attribute, by local name or by namespace and local name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub space: Option<String>,
    pub name: String,
    pub attribute: bool,
    mark: u64,
    /// The mark in lower case, for names that count whatever their case.
    low_mark: u64,
    /// Of several, those alone of which this holds.
    only: Option<Box<Condition>>,
}

/// Which of several elements of one name a step leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The first of those that stand beside each other.
    First,
    /// Those in which this stands directly, without blanks around it.
    Holds { name: String, attribute: bool, value: String },
}

impl Step {
    /// A step by name; `space` is an address, not a prefix.
    pub fn new(space: Option<String>, name: String, attribute: bool) -> Step {
        let mark = mark(&name);
        Step { mark, low_mark: lower(mark), space, name, attribute, only: None }
    }

    /// The same, where that holds.
    pub fn only(self, condition: Condition) -> Step {
        Step { only: Some(Box::new(condition)), ..self }
    }
}

/// The longest name that its mark and its length tell whole.
const MARKED: usize = 8;

/// The first four bytes of a name and its last four; of a shorter one the first, middle and last byte.
fn mark(name: &str) -> u64 {
    let bytes = name.as_bytes();
    match (bytes.first_chunk(), bytes.last_chunk(), bytes) {
        (Some(first), Some(last), _) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
        }
        (.., []) => 0,
        (.., [first, .., last]) => {
            let middle = bytes[bytes.len() / 2];
            u64::from(u32::from_le_bytes([*first, middle, *last, 0]))
        }
        (.., [only]) => u64::from(*only),
    }
}

/// The mark that the name would have in lower case.
fn lower(mark: u64) -> u64 {
    u64::from_le_bytes(mark.to_le_bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// A compiled path: so many parents up, then down by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path {
    pub up: usize,
    pub steps: Vec<Step>,
}

/// A record as a tree. Node 0 is the record itself.
#[derive(Default)]
pub struct Document {
    source: String,
    /// Where the text being read lies in memory: parts of it are pointed to, not copied.
    given: usize,
    unescaped: String,
    spaces: Vec<String>,
    nodes: Vec<Node>,
    open: Vec<u32>,
    /// For each open element, its text where that came in several parts.
    parts: Vec<String>,
    /// Its names are those of columns.
    row: bool,
    repeated_code: Option<&'static str>,
    /// One of its texts fills its columns.
    any_full: bool,
}

/// What stands at a place that should be there once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    Nothing,
    One(NodeId),
    Several,
}

impl Document {
    /// Starts anew on a record's text, keeping the memory of the last one. Parts of `source` that
    /// are added later are recognised by where they lie, and not copied again.
    pub fn begin(&mut self, source: &str) {
        self.source.clear();
        self.source.push_str(source);
        self.given = source.as_ptr() as usize;
        self.unescaped.clear();
        self.nodes.clear();
        self.open.clear();
        self.parts.iter_mut().for_each(String::clear);
        self.row = false;
        self.repeated_code = None;
        self.any_full = false;
        // Kept from record to record, since they are nearly always the same few.
        if self.spaces.len() > SPACES_MAX / 2 {
            self.spaces.clear();
        }
    }

    /// Under which code this record is held where it says several times what it should say once.
    pub fn repeats_as(&mut self, code: &'static str) {
        self.repeated_code = Some(code);
    }

    pub fn repeated_code(&self) -> &'static str {
        self.repeated_code.unwrap_or("record.duplicate")
    }

    /// What follows are the columns of a row: they are known by name whatever its case, and their order
    /// says nothing.
    pub fn is_a_row(&mut self) {
        self.row = true;
    }

    /// The record's text, as it was given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The record itself. A document that was never filled has none.
    pub fn root(&self) -> Option<NodeId> {
        (!self.nodes.is_empty()).then_some(NodeId(0))
    }

    /// A node's local name.
    pub fn name(&self, node: NodeId) -> &str {
        self.slice(self.nodes[node.0 as usize].name)
    }

    /// A node's namespace, empty where it has none.
    pub fn space(&self, node: NodeId) -> &str {
        match self.nodes[node.0 as usize].space {
            0 => "",
            place => &self.spaces[place as usize - 1],
        }
    }

    /// Whether a node is an attribute.
    pub fn is_attribute(&self, node: NodeId) -> bool {
        self.nodes[node.0 as usize].attribute
    }

    /// A node's own text, as it stands.
    pub fn text(&self, node: NodeId) -> &str {
        self.slice(self.nodes[node.0 as usize].text)
    }

    /// A node's children, attributes among them, in order.
    pub fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let mut at = self.nodes[node.0 as usize].first;
        std::iter::from_fn(move || {
            (at != NONE).then(|| {
                let found = NodeId(at);
                at = self.nodes[at as usize].next;
                found
            })
        })
    }

    /// The first node at `path`, seen from `from`.
    pub fn find(&self, from: NodeId, path: &Path) -> Option<NodeId> {
        self.find_below(self.up(from, path.up)?, &path.steps)
    }

    /// The node at `path`, seen from `from`, where there is no second.
    pub fn find_only(&self, from: NodeId, path: &Path) -> Only {
        let mut found = Only::Nothing;
        if let Some(start) = self.up(from, path.up) {
            self.meet(start, &path.steps, &mut found);
        }
        found
    }

    /// Every node at `path`, seen from `from`, in order.
    pub fn find_all(&self, from: NodeId, path: &Path) -> Vec<NodeId> {
        let mut found = Vec::new();
        if let Some(start) = self.up(from, path.up) {
            self.collect(start, &path.steps, &mut found);
        }
        found
    }

    fn find_below(&self, from: NodeId, steps: &[Step]) -> Option<NodeId> {
        let Some((step, rest)) = steps.split_first() else { return Some(from) };
        let mut at = self.nodes[from.0 as usize].first;
        while at != NONE {
            if self.fits(at, step) {
                if rest.is_empty() {
                    return Some(NodeId(at));
                }
                if let Some(found) = self.find_below(NodeId(at), rest) {
                    return Some(found);
                }
            }
            at = self.nodes[at as usize].next;
        }
        None
    }

    /// Notes what is met at `steps`; done with the second.
    fn meet(&self, from: NodeId, steps: &[Step], found: &mut Only) {
        let Some((step, rest)) = steps.split_first() else {
            *found = match found {
                Only::Nothing => Only::One(from),
                _ => Only::Several,
            };
            return;
        };
        let mut at = self.nodes[from.0 as usize].first;
        while at != NONE && *found != Only::Several {
            if self.fits(at, step) {
                self.meet(NodeId(at), rest, found);
            }
            at = self.nodes[at as usize].next;
        }
    }

    fn collect(&self, from: NodeId, steps: &[Step], found: &mut Vec<NodeId>) {
        let Some((step, rest)) = steps.split_first() else { return found.push(from) };
        let mut at = self.nodes[from.0 as usize].first;
        while at != NONE {
            if self.fits(at, step) {
                self.collect(NodeId(at), rest, found);
            }
            at = self.nodes[at as usize].next;
        }
    }

    fn fits(&self, at: u32, step: &Step) -> bool {
        let node = &self.nodes[at as usize];
        if self.row {
            return node.mark == step.low_mark
                && node.attribute == step.attribute
                && self.slice(node.name).eq_ignore_ascii_case(&step.name)
                && step.space.as_deref().is_none_or(str::is_empty)
                && self.holds(at, step);
        }
        node.mark == step.mark
            && node.attribute == step.attribute
            && node.name.len as usize == step.name.len()
            && (step.name.len() <= MARKED || self.slice(node.name) == step.name)
            && step.space.as_deref().is_none_or(|space| self.space(NodeId(at)) == space)
            && self.holds(at, step)
    }

    fn holds(&self, at: u32, step: &Step) -> bool {
        match step.only.as_deref() {
            None => true,
            Some(Condition::First) => {
                let parent = self.nodes[at as usize].parent;
                parent == NONE
                    || self
                        .children(NodeId(parent))
                        .find(|child| !self.is_attribute(*child) && self.name(*child) == step.name)
                        .is_none_or(|first| first.0 == at)
            }
            Some(Condition::Holds { name, attribute, value }) => {
                self.children(NodeId(at)).any(|child| {
                    self.is_attribute(child) == *attribute
                        && self.name(child) == *name
                        && self.text(child).trim() == *value
                })
            }
        }
    }

    fn up(&self, from: NodeId, levels: usize) -> Option<NodeId> {
        let mut at = from.0;
        for _ in 0..levels {
            at = self.nodes[at as usize].parent;
            if at == NONE {
                return None;
            }
        }
        Some(NodeId(at))
    }

    fn slice(&self, slice: Slice) -> &str {
        let from = if slice.unescaped { &self.unescaped } else { &self.source };
        &from[slice.start as usize..(slice.start + slice.len) as usize]
    }

    /// Whether two records say the same: names, namespaces, attributes in any order, elements in
    /// theirs, and text without the blanks around it. White space between elements says nothing.
    pub fn says_the_same_as(&self, other: &Document) -> bool {
        match (self.root(), other.root()) {
            (Some(one), Some(two)) => self.same(one, other, two),
            (None, None) => true,
            _ => false,
        }
    }

    fn same(&self, one: NodeId, other: &Document, two: NodeId) -> bool {
        let children = |document: &Document, node: NodeId| -> (Vec<NodeId>, Vec<NodeId>) {
            document.children(node).partition(|child| document.is_attribute(*child))
        };
        let (mut attributes, mut elements) = children(self, one);
        let (mut their_attributes, mut their_elements) = children(other, two);
        if self.row {
            elements.sort_by_key(|node| self.name(*node).to_ascii_lowercase());
            their_elements.sort_by_key(|node| other.name(*node).to_ascii_lowercase());
        }
        attributes.sort_by_key(|node| (self.name(*node), self.space(*node)));
        their_attributes.sort_by_key(|node| (other.name(*node), other.space(*node)));
        let same_name = match self.row {
            true => self.name(one).eq_ignore_ascii_case(other.name(two)),
            false => self.name(one) == other.name(two),
        };
        same_name
            && self.space(one) == other.space(two)
            && self.text(one).trim() == other.text(two).trim()
            && attributes.len() == their_attributes.len()
            && elements.len() == their_elements.len()
            && (attributes.iter().zip(&their_attributes))
                .chain(elements.iter().zip(&their_elements))
                .all(|(mine, theirs)| self.same(*mine, other, *theirs))
    }
}

/// Building, for the formats.
impl Document {
    /// Opens an element; what follows until [`Document::close`] is inside it. False when too deep.
    #[must_use]
    pub fn open(&mut self, name: &str, space: SpaceId) -> bool {
        if self.open.len() >= DEPTH_MAX {
            return false;
        }
        let node = self.push(name, space, false);
        self.open.push(node);
        if self.parts.len() < self.open.len() {
            self.parts.push(String::new());
        }
        true
    }

    /// Whether it has as many elements and attributes as a record may have.
    pub fn is_full(&self) -> bool {
        self.nodes.len() >= NODES_MAX
    }

    /// The number of a namespace in this document; the same for the same address. None when there are
    /// too many.
    pub fn space_id(&mut self, space: &str) -> Option<SpaceId> {
        if space.is_empty() {
            return Some(SpaceId::NONE);
        }
        let known = self.spaces.iter().position(|known| known == space);
        let at = match known {
            Some(at) => at,
            None if self.spaces.len() >= SPACES_MAX => return None,
            None => {
                self.spaces.push(space.to_owned());
                self.spaces.len() - 1
            }
        };
        u16::try_from(at + 1).ok().map(SpaceId)
    }

    /// Adds an attribute to the open element.
    pub fn attribute(&mut self, name: &str, space: SpaceId, text: &str) {
        let node = self.push(name, space, true);
        self.nodes[node as usize].text = self.keep(text);
    }

    /// Adds a whole element without children.
    pub fn leaf(&mut self, name: &str, text: &str) {
        let node = self.push(name, SpaceId::NONE, false);
        self.nodes[node as usize].text = self.keep(text);
    }

    /// Adds a whole element whose text fills its columns to the last letter: more may have been cut off.
    pub fn full_leaf(&mut self, name: &str, text: &str) {
        self.leaf(name, text);
        self.any_full = true;
        if let Some(node) = self.nodes.last_mut() {
            node.fills = true;
        }
    }

    /// Whether any text fills its columns.
    pub fn has_full(&self) -> bool {
        self.any_full
    }

    /// Whether a text fills the columns that were meant for it.
    pub fn fills_its_columns(&self, node: NodeId) -> bool {
        self.nodes[node.0 as usize].fills
    }

    /// Adds to the text of the open element. Parts that a comment or a reference split are joined, when
    /// it is closed: each is copied once, however many there are.
    pub fn add_text(&mut self, text: &str) {
        let Some(at) = self.open.last().map(|at| *at as usize) else { return };
        let had = self.nodes[at].text;
        if had.len == 0 {
            self.nodes[at].text = self.keep(text);
            return;
        }
        let depth = self.open.len() - 1;
        let mut parts = std::mem::take(&mut self.parts[depth]);
        if parts.is_empty() {
            parts.push_str(self.slice(had));
        }
        parts.push_str(text);
        self.parts[depth] = parts;
    }

    /// Closes the open element. Text between child elements is only layout, and goes.
    pub fn close(&mut self) {
        let Some(at) = self.open.pop().map(|at| at as usize) else { return };
        let depth = self.open.len();
        if !self.parts[depth].is_empty() {
            let parts = std::mem::take(&mut self.parts[depth]);
            self.nodes[at].text = self.keep(&parts);
            self.parts[depth] = parts;
            self.parts[depth].clear();
        }
        let node = &self.nodes[at];
        if node.text.len > 0
            && self.has_elements(node.first)
            && self.slice(node.text).trim().is_empty()
        {
            self.nodes[at].text = Slice::default();
        }
    }

    fn has_elements(&self, first: u32) -> bool {
        let mut at = first;
        while at != NONE {
            if !self.nodes[at as usize].attribute {
                return true;
            }
            at = self.nodes[at as usize].next;
        }
        false
    }

    fn push(&mut self, name: &str, space: SpaceId, attribute: bool) -> u32 {
        let at = self.nodes.len() as u32;
        let parent = self.open.last().copied().unwrap_or(NONE);
        let mark = if self.row { lower(mark(name)) } else { mark(name) };
        let name = self.keep(name);
        self.nodes.push(Node {
            name,
            mark,
            text: Slice::default(),
            parent,
            first: NONE,
            last: NONE,
            next: NONE,
            space: space.0,
            attribute,
            fills: false,
        });
        if parent != NONE {
            let last = self.nodes[parent as usize].last;
            match last {
                NONE => self.nodes[parent as usize].first = at,
                last => self.nodes[last as usize].next = at,
            }
            self.nodes[parent as usize].last = at;
        }
        at
    }

    /// Points into the record's text where the part is a piece of it, and copies it otherwise.
    fn keep(&mut self, part: &str) -> Slice {
        let start = (part.as_ptr() as usize).wrapping_sub(self.given);
        if start.checked_add(part.len()).is_some_and(|end| end <= self.source.len()) {
            return Slice { start: start as u32, len: part.len() as u32, unescaped: false };
        }
        let start = self.unescaped.len() as u32;
        self.unescaped.push_str(part);
        Slice { start, len: part.len() as u32, unescaped: true }
    }
}

unprinted!(Document);

#[cfg(test)]
mod tests {
    use super::*;

    fn path(up: usize, steps: &[&str]) -> Path {
        let steps = steps.iter().map(|step| {
            Step::new(None, step.trim_start_matches('@').to_owned(), step.starts_with('@'))
        });
        Path { up, steps: steps.collect() }
    }

    fn sample() -> Document {
        let mut document = Document::default();
        document.begin("");
        assert!(document.open("Account", SpaceId::NONE));
        document.attribute("ref", SpaceId::NONE, "7");
        for name in ["Testberry", "Fakeley"] {
            assert!(document.open("Person", SpaceId::NONE));
            document.leaf("Surname", name);
            document.close();
        }
        document.close();
        document
    }

    #[test]
    fn a_path_goes_up_and_down() {
        let document = sample();
        let root = document.root().unwrap();
        assert_eq!(document.text(document.find(root, &path(0, &["@ref"])).unwrap()), "7");
        let people = document.find_all(root, &path(0, &["Person"]));
        assert_eq!(people.len(), 2);
        let surname = document.find(people[1], &path(0, &["Surname"])).unwrap();
        assert_eq!(document.text(surname), "Fakeley");
        assert_eq!(document.text(document.find(surname, &path(2, &["@ref"])).unwrap()), "7");
        assert_eq!(document.find(root, &path(1, &[])), None);
    }

    #[test]
    fn a_condition_chooses_among_several() {
        let document = sample();
        let root = document.root().unwrap();
        let with = |name: &str, value: &str| {
            let (name, value) = (name.to_owned(), value.to_owned());
            let condition = Condition::Holds { name, attribute: false, value };
            let person = Step::new(None, "Person".to_owned(), false).only(condition);
            let surname = Step::new(None, "Surname".to_owned(), false);
            Path { up: 0, steps: vec![person, surname] }
        };
        let found = document.find_only(root, &with("Surname", "Fakeley"));
        let Only::One(node) = found else { panic!("{found:?}") };
        assert_eq!(document.text(node), "Fakeley");
        assert_eq!(document.find_only(root, &with("Surname", "Bramble")), Only::Nothing);
        assert_eq!(document.find_only(root, &with("Name", "Fakeley")), Only::Nothing);
        let first = Step::new(None, "Person".to_owned(), false).only(Condition::First);
        let surname = Step::new(None, "Surname".to_owned(), false);
        let first = Path { up: 0, steps: vec![first, surname] };
        let Only::One(node) = document.find_only(root, &first) else { panic!("there is a first") };
        assert_eq!(document.text(node), "Testberry");
    }

    #[test]
    fn names_are_told_apart_by_every_byte() {
        let names = [
            "",
            "a",
            "b",
            "ab",
            "aab",
            "abb",
            "aabb",
            "aaabb",
            "aabbb",
            "Line1",
            "Line2",
            "Forename",
            "Forexame",
            "Instalments",
            "InstaXments",
            "Instalment",
        ];
        for name in names {
            let mut document = Document::default();
            document.begin("");
            assert!(document.open("r", SpaceId::NONE));
            document.leaf(name, "");
            document.close();
            for wanted in names {
                let found = document.find(NodeId(0), &path(0, &[wanted])).is_some();
                assert_eq!(found, name == wanted, "{name} {wanted}");
            }
        }
    }

    #[test]
    fn parts_of_a_value_are_joined() {
        let mut document = Document::default();
        document.begin("12");
        assert!(document.open("v", SpaceId::NONE));
        document.add_text("12");
        document.add_text("34");
        document.close();
        assert_eq!(document.text(document.root().unwrap()), "1234");
    }

    #[test]
    fn layout_is_not_a_difference_and_a_value_is() {
        let one = sample();
        let mut two = sample();
        assert!(one.says_the_same_as(&two));
        two.begin("");
        assert!(two.open("Account", SpaceId::NONE));
        two.attribute("ref", SpaceId::NONE, "8");
        two.close();
        assert!(!one.says_the_same_as(&two));
    }

    #[test]
    fn nesting_has_a_limit() {
        let mut document = Document::default();
        document.begin("");
        assert!((0..DEPTH_MAX).all(|_| document.open("d", SpaceId::NONE)));
        assert!(!document.open("d", SpaceId::NONE));
    }
}
