//! Checks an expression against what it may name, and makes it ready to run: every place that it reads
//! becomes a variable of our own, and a comparison with what may be absent asks first.

use cel::IdedExpr;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, Expr, ListExpr, LiteralValue, SelectExpr, SourceInfo, operators,
};

use super::functions::{FUNCTIONS, inner_name, pattern};
use super::types::Type;
use super::{Fault, Scope, Slot, has_name, slot_name};
use crate::definition::reader::Span;
use crate::definition::suggest;
use crate::mapping::source_path;
use crate::record::schema::{self, Class, Field};

/// How many parts an expression may have.
const NODES_MAX: usize = 300;
/// How deep its parts may stand in each other: to run it takes the stack of whoever runs it.
const DEPTH_MAX: usize = 40;

/// A part that was checked: what it is, and which slots it cannot do without.
pub struct Typed {
    tree: IdedExpr,
    pub kind: Type,
    needs: Vec<usize>,
}

/// Several parts that were checked, and every slot that one of them needs.
type Parts = (Vec<(IdedExpr, Type)>, Vec<usize>);

pub struct Checker<'s> {
    scope: Scope,
    source: &'s SourceInfo,
    slots: Vec<Slot>,
    asked: Vec<bool>,
    nodes: usize,
    depth: usize,
    /// The variable of the loop that we are in.
    item: Option<(String, Type)>,
}

impl<'s> Checker<'s> {
    pub fn new(scope: Scope, source: &'s SourceInfo) -> Self {
        Checker {
            scope,
            source,
            slots: Vec::new(),
            asked: Vec::new(),
            nodes: 0,
            depth: 0,
            item: None,
        }
    }

    pub fn finish(self) -> (Vec<Slot>, Vec<bool>) {
        (self.slots, self.asked)
    }

    /// Checks one part and what is in it.
    pub fn visit(&mut self, tree: IdedExpr) -> Result<Typed, Fault> {
        self.nodes += 1;
        if self.nodes > NODES_MAX || self.depth >= DEPTH_MAX {
            let help = "write it as several mappings, or as a code list";
            return Err(self.fault(
                tree.id,
                "the expression has too many parts".into(),
                Some(help),
            ));
        }
        self.depth += 1;
        let typed = self.part(tree);
        self.depth -= 1;
        typed
    }

    fn part(&mut self, tree: IdedExpr) -> Result<Typed, Fault> {
        let id = tree.id;
        match tree.expr {
            Expr::Literal(literal) => self.literal(id, literal),
            Expr::Ident(_) | Expr::Select(_) => self.name(tree),
            Expr::Call(call) => self.call(id, call),
            Expr::List(list) => self.list(id, list),
            Expr::Comprehension(loops) => self.comprehension(id, *loops),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                Err(self.fault(id, "this cannot be used in an expression here".into(), None))
            }
        }
    }

    fn literal(&self, id: u64, literal: LiteralValue) -> Result<Typed, Fault> {
        let kind = match &literal {
            LiteralValue::Boolean(_) => Type::Flag,
            LiteralValue::Int(_) => Type::Whole,
            LiteralValue::Double(_) => Type::Decimal,
            LiteralValue::String(_) => Type::Text,
            LiteralValue::Null => {
                let help = "ask with `has(…)` whether something is there";
                return Err(self.fault(id, "`null` says nothing here".into(), Some(help)));
            }
            LiteralValue::Bytes(_) | LiteralValue::UInt(_) => {
                return Err(self.fault(id, "this kind of value is not used here".into(), None));
            }
        };
        Ok(plain(IdedExpr { id, expr: Expr::Literal(literal) }, kind))
    }

    /// `resident.contact.email`, `change.paid.new`, `has(…)` of those, and the variable of a loop.
    fn name(&mut self, tree: IdedExpr) -> Result<Typed, Fault> {
        let id = tree.id;
        let test = matches!(&tree.expr, Expr::Select(select) if select.test);
        let Some(segments) = segments(&tree) else {
            let what = "only a name has parts, such as `resident.contact.email`";
            return Err(self.fault(id, what.into(), None));
        };
        if let (Some((item, kind)), [only]) = (&self.item, segments.as_slice())
            && item == only
        {
            return Ok(plain(tree, kind.clone()));
        }
        let (slot, kind) = self.field(id, &segments)?;
        let slot = self.slot(slot);
        if test {
            return Ok(plain(self.has(slot), Type::Flag));
        }
        let variable = IdedExpr { id, expr: Expr::Ident(slot_name(slot)) };
        Ok(Typed { tree: variable, kind, needs: vec![slot] })
    }

    fn field(&self, id: u64, segments: &[String]) -> Result<(Slot, Type), Fault> {
        let whole = segments.join(".");
        let (root, rest) =
            segments.split_first().map_or(("", &[][..]), |(root, rest)| (root, rest));
        if self.scope == Scope::Source {
            let help = "a value of the record is read by its path: `text(\"Balance/Outstanding\")`";
            return Err(self.fault(id, format!("there is no `{whole}` here"), Some(help)));
        }
        let of_account = self.scope == Scope::Account;
        let subject = if of_account { schema::ACCOUNT } else { schema::PARTY };
        let (table, name, slot): (&[Field], String, fn(u16) -> Slot) = match (root, rest) {
            ("resident", [_, ..]) => (schema::PARTY, rest.join("."), Slot::Resident),
            ("account", [_, ..]) if of_account => (schema::ACCOUNT, rest.join("."), Slot::Account),
            ("account", _) if !of_account => {
                let help = "listen for an event of the account";
                let what = "a resident's event has no account to speak of";
                return Err(self.fault(id, what.into(), Some(help)));
            }
            ("change", [name @ .., old]) if old == "old" && !name.is_empty() => {
                (subject, name.join("."), Slot::Was)
            }
            ("change", [name @ .., new]) if new == "new" && !name.is_empty() => {
                (subject, name.join("."), Slot::Is)
            }
            ("change", _) => {
                let help = "write `change.balance.old` or `change.balance.new`";
                return Err(self.fault(id, format!("`{whole}` is no value"), Some(help)));
            }
            ("resident" | "account", []) => {
                let help = "name a field of it, such as `resident.contact.email`";
                return Err(self.fault(id, format!("`{whole}` is no value"), Some(help)));
            }
            _ => {
                let help = suggest::help(root, &["resident", "account", "change"]);
                return Err(self.fault(id, format!("there is no `{whole}` here"), help.as_deref()));
            }
        };
        let Some(place) = table.iter().position(|field| field.name == name) else {
            let known: Vec<&str> = table.iter().map(|field| field.name).collect();
            let help = suggest::help(&name, &known);
            let what = format!("`{name}` is not a field of {}", whose(table));
            return Err(self.fault(id, what, help.as_deref()));
        };
        if table[place].class == Class::Bank {
            return Err(self.fault(id, "bank details are never sent".into(), None));
        }
        Ok((slot(place as u16), Type::of(table[place].kind)))
    }

    fn list(&mut self, id: u64, list: ListExpr) -> Result<Typed, Fault> {
        let mut elements = Vec::with_capacity(list.elements.len());
        let mut kind: Option<Type> = None;
        let mut needs = Vec::new();
        for element in list.elements {
            let at = element.id;
            let typed = self.visit(element)?;
            if kind.as_ref().is_some_and(|kind| *kind != typed.kind) {
                let what = "the items of a list are all of one type".to_owned();
                return Err(self.fault(at, what, None));
            }
            needs.extend(typed.needs);
            kind = Some(typed.kind);
            elements.push(typed.tree);
        }
        let kind = Type::List(Box::new(kind.unwrap_or(Type::Text)));
        Ok(Typed { tree: IdedExpr { id, expr: Expr::List(ListExpr::new(elements)) }, kind, needs })
    }

    /// `exists` and `all` over a list: the language writes both as a loop.
    fn comprehension(&mut self, id: u64, loops: ComprehensionExpr) -> Result<Typed, Fault> {
        if self.item.is_some() {
            return Err(self.fault(id, "a loop in a loop is not allowed".into(), None));
        }
        let known = match &loops.loop_step.expr {
            Expr::Call(step) if step.args.len() == 2 && loops.iter_var2.is_none() => {
                let on_result =
                    matches!(&step.args[0].expr, Expr::Ident(name) if *name == loops.accu_var);
                let word = step.func_name == operators::LOGICAL_OR
                    || step.func_name == operators::LOGICAL_AND;
                on_result && word
            }
            _ => false,
        };
        let Expr::Call(mut step) = loops.loop_step.expr else {
            return Err(self.only_two_loops(id));
        };
        if !known {
            return Err(self.only_two_loops(id));
        }
        let range = self.visit(loops.iter_range)?;
        let Type::List(item) = &range.kind else {
            let what = format!("a loop goes over a list, and this is {}", range.kind.noun());
            return Err(self.fault(id, what, None));
        };
        self.item = Some((loops.iter_var.clone(), (**item).clone()));
        let asks = step.args.pop().unwrap_or_default();
        let asks = self.visit(asks);
        self.item = None;
        let asks = self.flag(asks?)?;
        step.args.push(asks);
        let looped = ComprehensionExpr {
            iter_range: range.tree,
            loop_step: IdedExpr { id: loops.loop_step.id, expr: Expr::Call(step) },
            ..loops
        };
        let tree = IdedExpr { id, expr: Expr::Comprehension(Box::new(looped)) };
        Ok(Typed { tree, kind: Type::Flag, needs: range.needs })
    }

    fn only_two_loops(&self, id: u64) -> Fault {
        let help = "write `texts(\"…\").exists(one, one == \"…\")`";
        self.fault(id, "of loops there are `exists` and `all`".into(), Some(help))
    }

    fn call(&mut self, id: u64, call: CallExpr) -> Result<Typed, Fault> {
        let name = call.func_name.clone();
        match (name.as_str(), call.target.is_some(), call.args.len()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR, false, 2)
            | (operators::LOGICAL_NOT, false, 1) => {
                let args = call.args.into_iter();
                let args = args.map(|arg| {
                    let typed = self.visit(arg)?;
                    self.flag(typed)
                });
                let args = args.collect::<Result<Vec<_>, _>>()?;
                Ok(plain(call_of(id, &name, args), Type::Flag))
            }
            (operators::CONDITIONAL, false, 3) => self.conditional(id, call.args),
            (
                operators::EQUALS
                | operators::NOT_EQUALS
                | operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS,
                false,
                2,
            ) => self.comparison(id, &name, call.args),
            (operators::IN, false, 2) => self.membership(id, &name, call.args),
            (
                operators::ADD
                | operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::MODULO,
                false,
                2,
            ) => self.arithmetic(id, &name, call.args),
            (operators::NEGATE, false, 1) => self.arithmetic(id, &name, call.args),
            ("text" | "texts" | "count", false, _) if self.scope == Scope::Source => {
                self.reads(id, &name, &call.args)
            }
            _ => self.function(id, call),
        }
    }

    fn conditional(&mut self, id: u64, args: Vec<IdedExpr>) -> Result<Typed, Fault> {
        let mut args = args.into_iter();
        let mut next = || args.next().unwrap_or_default();
        let (asks, one, other) = (next(), next(), next());
        let asks = self.visit(asks)?;
        let asks = self.flag(asks)?;
        let (one, other) = (self.visit(one)?, self.visit(other)?);
        if one.kind != other.kind {
            let what = format!(
                "one side of `?:` is {} and the other {}",
                one.kind.noun(),
                other.kind.noun()
            );
            return Err(self.fault(id, what, None));
        }
        let kind = one.kind.clone();
        let args = vec![asks, self.or_nothing(one), self.or_nothing(other)];
        Ok(plain(call_of(id, operators::CONDITIONAL, args), kind))
    }

    /// False where something on either side is absent.
    fn comparison(&mut self, id: u64, name: &str, args: Vec<IdedExpr>) -> Result<Typed, Fault> {
        let (typed, needs) = self.visit_all(args)?;
        let (one, other) = (&typed[0].1, &typed[1].1);
        if one != other || matches!(one, Type::List(_)) {
            let help = match (one, other) {
                (Type::Text, Type::Whole) | (Type::Whole, Type::Text) => {
                    Some("a text that says a number: `int(…)`; a number as a text: `string(…)`")
                }
                _ => None,
            };
            let what = format!("{} is compared with {}", one.noun(), other.noun());
            return Err(self.fault(id, what, help));
        }
        let ordered = name != operators::EQUALS && name != operators::NOT_EQUALS;
        if ordered && *one == Type::Flag {
            return Err(self.fault(id, "yes is neither more nor less than no".into(), None));
        }
        let tree = call_of(id, name, typed.into_iter().map(|(tree, _)| tree).collect());
        Ok(plain(self.all_there(&needs, tree), Type::Flag))
    }

    fn membership(&mut self, id: u64, name: &str, args: Vec<IdedExpr>) -> Result<Typed, Fault> {
        let (typed, needs) = self.visit_all(args)?;
        match &typed[1].1 {
            Type::List(of) if **of == typed[0].1 => {}
            other => {
                let what = format!("{} cannot be in {}", typed[0].1.noun(), other.noun());
                return Err(self.fault(
                    id,
                    what,
                    Some("write `text(\"Status\") in [\"OPEN\", \"NEW\"]`"),
                ));
            }
        }
        let tree = call_of(id, name, typed.into_iter().map(|(tree, _)| tree).collect());
        Ok(plain(self.all_there(&needs, tree), Type::Flag))
    }

    fn arithmetic(&mut self, id: u64, name: &str, args: Vec<IdedExpr>) -> Result<Typed, Fault> {
        let (typed, needs) = self.visit_all(args)?;
        let kind = typed[0].1.clone();
        let same = typed.iter().all(|(_, other)| *other == kind);
        let allowed = match kind {
            Type::Whole => true,
            Type::Decimal => name != operators::MODULO,
            Type::Text => name == operators::ADD,
            Type::Flag | Type::List(_) => false,
        };
        if !same || !allowed {
            let nouns: Vec<String> = typed.iter().map(|(_, kind)| kind.noun()).collect();
            let sign = name.trim_matches('_');
            let what = format!("`{sign}` cannot be done with {}", nouns.join(" and "));
            return Err(self.fault(id, what, None));
        }
        let tree = call_of(id, name, typed.into_iter().map(|(tree, _)| tree).collect());
        Ok(Typed { tree, kind, needs })
    }

    /// `text("Path")` and its like: the path is written here, so that it can be checked.
    fn reads(&mut self, id: u64, name: &str, args: &[IdedExpr]) -> Result<Typed, Fault> {
        let path = match args {
            [IdedExpr { expr: Expr::Literal(LiteralValue::String(path)), .. }] => {
                path.inner().to_string()
            }
            _ => {
                let help = format!("write `{name}(\"Balance/Outstanding\")`");
                let what = format!("`{name}` takes one path, in quotes");
                return Err(self.fault(id, what, Some(&help)));
            }
        };
        let path = source_path::parse(&path, Span::default()).map_err(|(label, help)| {
            self.fault(id, format!("`{path}` is not a path: {label}"), Some(&help))
        })?;
        let (slot, kind) = match name {
            "text" => (Slot::Text(path), Type::Text),
            "texts" => (Slot::Texts(path), Type::List(Box::new(Type::Text))),
            _ => (Slot::Count(path), Type::Whole),
        };
        let slot = self.slot(slot);
        Ok(plain(IdedExpr { id, expr: Expr::Ident(slot_name(slot)) }, kind))
    }

    fn function(&mut self, id: u64, call: CallExpr) -> Result<Typed, Fault> {
        let name = call.func_name.as_str();
        let known = FUNCTIONS.iter().filter(|known| {
            let message_only = matches!(known.name, "pounds" | "day");
            !message_only || self.scope != Scope::Source
        });
        let known: Vec<_> = known.collect();
        let Some(function) = known
            .iter()
            .find(|known| known.name == name && known.on.is_some() == call.target.is_some())
        else {
            let mut names: Vec<&str> = known.iter().map(|known| known.name).collect();
            if self.scope == Scope::Source {
                names.extend(["text", "texts", "count"]);
            }
            let help = suggest::help(name, &names);
            return Err(self.fault(
                id,
                format!("there is no function `{name}` here"),
                help.as_deref(),
            ));
        };
        if name == "matches" {
            self.pattern(id, &call.args)?;
        }
        let target = call.target.map(|target| *target);
        let (typed, needs) = self.visit_all(target.into_iter().chain(call.args).collect())?;
        let wanted: Vec<&Type> = function.on.iter().chain(function.takes).collect();
        if typed.len() != wanted.len() {
            let what = format!("`{name}` takes {} values", function.takes.len());
            return Err(self.fault(id, what, None));
        }
        for ((_, found), wanted) in typed.iter().zip(wanted) {
            if found != wanted {
                let what =
                    format!("`{name}` takes {}, and this is {}", wanted.noun(), found.noun());
                return Err(self.fault(id, what, None));
            }
        }
        let own = ["lower", "upper", "trim", "matches", "int", "pounds", "day"].contains(&name);
        let func_name = if own { inner_name(name) } else { name.to_owned() };
        let mut args: Vec<IdedExpr> = typed.into_iter().map(|(tree, _)| tree).collect();
        let target = function.on.is_some().then(|| Box::new(args.remove(0)));
        let tree = IdedExpr { id, expr: Expr::Call(CallExpr { func_name, target, args }) };
        Ok(Typed { tree, kind: function.gives.clone(), needs })
    }

    /// A pattern is written in the mapping and never comes from a record.
    fn pattern(&self, id: u64, args: &[IdedExpr]) -> Result<(), Fault> {
        let [IdedExpr { expr: Expr::Literal(LiteralValue::String(text)), .. }] = args else {
            let what = "a pattern is written here, in quotes: it never comes from a record";
            return Err(self.fault(id, what.into(), None));
        };
        pattern(text.inner())
            .map(|_| ())
            .map_err(|why| self.fault(id, format!("the pattern cannot be used: {why}"), None))
    }

    fn visit_all(&mut self, args: Vec<IdedExpr>) -> Result<Parts, Fault> {
        let mut needs = Vec::new();
        let mut trees = Vec::with_capacity(args.len());
        for arg in args {
            let typed = self.visit(arg)?;
            needs.extend(typed.needs);
            trees.push((typed.tree, typed.kind));
        }
        needs.sort_unstable();
        needs.dedup();
        Ok((trees, needs))
    }

    /// A part that must say yes or no; absent is no.
    fn flag(&mut self, typed: Typed) -> Result<IdedExpr, Fault> {
        if typed.kind != Type::Flag {
            let what = format!("yes or no is needed here, and this is {}", typed.kind.noun());
            return Err(self.fault(typed.tree.id, what, None));
        }
        Ok(self.or_false(typed))
    }

    /// The part; false where something that it needs is absent.
    pub fn or_false(&mut self, typed: Typed) -> IdedExpr {
        self.all_there(&typed.needs, typed.tree)
    }

    /// The part; nothing where something that it needs is absent.
    pub fn or_nothing(&mut self, typed: Typed) -> IdedExpr {
        if typed.needs.is_empty() {
            return typed.tree;
        }
        let id = typed.tree.id;
        let there = IdedExpr { id, expr: Expr::Literal(LiteralValue::Boolean(true.into())) };
        let asks = self.all_there(&typed.needs, there);
        let nothing = IdedExpr { id, expr: Expr::Literal(LiteralValue::Null) };
        call_of(id, operators::CONDITIONAL, vec![asks, typed.tree, nothing])
    }

    fn all_there(&mut self, needs: &[usize], tree: IdedExpr) -> IdedExpr {
        let id = tree.id;
        // The last is asked first: `&&` is built from the inside.
        needs.iter().rev().fold(tree, |tree, slot| {
            let has = self.has(*slot);
            call_of(id, operators::LOGICAL_AND, vec![has, tree])
        })
    }

    fn has(&mut self, slot: usize) -> IdedExpr {
        self.asked[slot] = true;
        IdedExpr { id: 0, expr: Expr::Ident(has_name(slot)) }
    }

    fn slot(&mut self, slot: Slot) -> usize {
        if let Some(known) = self.slots.iter().position(|known| *known == slot) {
            return known;
        }
        self.slots.push(slot);
        self.asked.push(false);
        self.slots.len() - 1
    }

    fn fault(&self, id: u64, what: String, help: Option<&str>) -> Fault {
        let place = self.source.offset_for(id);
        // An offset counts characters; a place counts bytes.
        let text = &self.source.source;
        let byte = |characters: u32| {
            text.char_indices().nth(characters as usize).map_or(text.len(), |(at, _)| at)
        };
        let place = place.map(|(from, to)| whole_name(text, byte(from), byte(to + 1)));
        Fault { what, help: help.map(str::to_owned), place }
    }
}

/// The whole of a name where a place is a part of one.
fn whole_name(text: &str, from: usize, to: usize) -> (usize, usize) {
    let named = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.');
    let before: usize =
        text[..from].chars().rev().take_while(|it| named(*it)).map(char::len_utf8).sum();
    let within = text[from..].chars().next().is_some_and(named);
    let behind: usize = match within {
        true => text[to.max(from)..].chars().take_while(|it| named(*it)).map(char::len_utf8).sum(),
        false => 0,
    };
    if within { (from - before, to + behind) } else { (from, to) }
}

fn whose(table: &[Field]) -> &'static str {
    if std::ptr::eq(table, schema::ACCOUNT) { "the account" } else { "the resident" }
}

fn plain(tree: IdedExpr, kind: Type) -> Typed {
    Typed { tree, kind, needs: Vec::new() }
}

fn call_of(id: u64, name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    let call = CallExpr { func_name: name.to_owned(), target: None, args };
    IdedExpr { id, expr: Expr::Call(call) }
}

/// `a.b.c` as its names.
fn segments(tree: &IdedExpr) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut at = tree;
    loop {
        match &at.expr {
            Expr::Ident(name) => {
                names.push(name.clone());
                names.reverse();
                return Some(names);
            }
            Expr::Select(SelectExpr { operand, field, .. }) => {
                names.push(field.clone());
                at = operand;
            }
            _ => return None,
        }
    }
}
