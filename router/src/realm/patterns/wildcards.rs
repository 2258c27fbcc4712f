//! Wildcards, in a trie over components.

use std::collections::BTreeMap;
use std::mem;

/// Shapes of patterns that one map takes from peers: see [`Wildcards::takes`].
pub(super) const SHAPES_MAX: usize = 256;

/// Values under wildcard patterns.
///
/// The literal child comes before the one for any component, so that the first match met depth first is the
/// one with the longest literal runs from the left (PBR-04).
#[derive(Debug)]
pub(super) struct Wildcards<T> {
    /// One trie for each number of components: patterns of another length never match.
    root_by_components: BTreeMap<usize, Node<T>>,
    /// How many patterns there are of each shape.
    patterns_by_shape: BTreeMap<Shape, usize>,
}

/// The number of a pattern's components, and which of them are empty.
type Shape = (usize, u64);

/// What stands under the components from the root to here.
#[derive(Debug)]
enum Node<T> {
    /// One pattern: what is left of it, none at its end. Most patterns share little with others, and take no more
    /// than their own text.
    Only { rest: Option<Box<str>>, value: T },
    /// Several patterns.
    Branch(Branch<T>),
}

#[derive(Debug)]
struct Branch<T> {
    literals: Literals<T>,
    /// Under the empty component, which matches any.
    any: Option<Box<Node<T>>>,
}

/// Nodes by their component: a list in order while they are few, since an empty tree is as large as a full one.
#[derive(Debug)]
enum Literals<T> {
    Few(Vec<(Box<str>, Node<T>)>),
    Many(BTreeMap<Box<str>, Node<T>>),
}

/// Literals from which on they are kept in a tree.
const MANY: usize = 16;

impl<T> Default for Wildcards<T> {
    fn default() -> Self {
        Self { root_by_components: BTreeMap::new(), patterns_by_shape: BTreeMap::new() }
    }
}

impl<T> Default for Branch<T> {
    fn default() -> Self {
        Self { literals: Literals::Few(Vec::new()), any: None }
    }
}

impl<T> Wildcards<T> {
    /// Whether there is room for a pattern of that shape.
    ///
    /// A lookup visits at most one node of each shape in each depth. Without a bound on shapes, peers could plant
    /// patterns that branch everywhere and match nothing, and every lookup would visit them all.
    pub(super) fn takes(&self, pattern: &str) -> bool {
        self.patterns_by_shape.len() < SHAPES_MAX || self.patterns_by_shape.contains_key(&shape(pattern))
    }

    /// Visits the value of every pattern that matches the URI, the best first.
    pub(super) fn for_each_match<'a>(&'a self, uri: &str, visit: &mut impl FnMut(&'a T)) {
        if let Some(root) = self.root(uri) {
            root.find(Some(uri), &mut |value| {
                visit(value);
                None::<()>
            });
        }
    }

    /// The value of the best pattern that matches the URI.
    pub(super) fn best_match(&self, uri: &str) -> Option<&T> {
        self.root(uri)?.find(Some(uri), &mut Some)
    }

    pub(super) fn get(&self, pattern: &str) -> Option<&T> {
        let mut node = self.root(pattern)?;
        let mut rest = Some(pattern);
        loop {
            match node {
                Node::Only { rest: own, value } => return (own.as_deref() == rest).then_some(value),
                Node::Branch(branch) => {
                    let (component, behind) = first_component(rest?);
                    (node, rest) = (branch.child(component)?, behind);
                }
            }
        }
    }

    pub(super) fn insert(&mut self, pattern: &str, value: T) {
        if self.get(pattern).is_none() {
            *self.patterns_by_shape.entry(shape(pattern)).or_default() += 1;
        }
        let components = components(pattern);
        match self.root_by_components.get_mut(&components) {
            Some(root) => root.insert(Some(pattern), value),
            None => {
                self.root_by_components.insert(components, Node::only(Some(pattern), value));
            }
        }
    }

    pub(super) fn remove(&mut self, pattern: &str) {
        if self.get(pattern).is_none() {
            return;
        }
        let shape = shape(pattern);
        if let Some(patterns) = self.patterns_by_shape.get_mut(&shape) {
            *patterns -= 1;
            if *patterns == 0 {
                self.patterns_by_shape.remove(&shape);
            }
        }
        let components = components(pattern);
        if self.root_by_components.get_mut(&components).is_some_and(|root| root.remove(Some(pattern))) {
            self.root_by_components.remove(&components);
        }
    }

    fn root(&self, uri: &str) -> Option<&Node<T>> {
        // Most realms have no wildcard at all: then nobody counts components.
        if self.root_by_components.is_empty() {
            return None;
        }
        self.root_by_components.get(&components(uri))
    }
}

impl<T> Node<T> {
    fn only(rest: Option<&str>, value: T) -> Self {
        Self::Only { rest: rest.map(Box::from), value }
    }

    /// Depth first, until `visit` returns something. `rest` is what is left of the URI, none behind its end.
    ///
    /// As deep as the URI has components, which its rules bound.
    fn find<'a, R>(&'a self, rest: Option<&str>, visit: &mut impl FnMut(&'a T) -> Option<R>) -> Option<R> {
        match self {
            Self::Only { rest: own, value } => {
                if is_match(own.as_deref(), rest) {
                    visit(value)
                } else {
                    None
                }
            }
            Self::Branch(branch) => {
                let (component, behind) = first_component(rest?);
                let literal = branch.literals.get(component).and_then(|literal| literal.find(behind, visit));
                literal.or_else(|| branch.any.as_ref()?.find(behind, visit))
            }
        }
    }

    fn insert(&mut self, rest: Option<&str>, value: T) {
        match self {
            Self::Only { rest: own, value: old } if own.as_deref() == rest => *old = value,
            Self::Branch(branch) => branch.insert(rest, value),
            Self::Only { .. } => {
                if let Self::Only { rest: own, value: old } =
                    mem::replace(self, Self::Branch(Branch::default()))
                    && let Self::Branch(branch) = self
                {
                    branch.insert(own.as_deref(), old);
                    branch.insert(rest, value);
                }
            }
        }
    }

    /// Takes a pattern away that is there. Returns whether nothing is left.
    fn remove(&mut self, rest: Option<&str>) -> bool {
        let Self::Branch(branch) = self else { return true };
        let Some(rest) = rest else { return false };
        let (component, behind) = first_component(rest);
        if component.is_empty() {
            branch.any.take_if(|any| any.remove(behind));
        } else if branch.literals.get_mut(component).is_some_and(|literal| literal.remove(behind)) {
            branch.literals.remove(component);
        }
        if let Some(only) = branch.take_only() {
            *self = only;
        }
        false
    }
}

impl<T> Branch<T> {
    fn child(&self, component: &str) -> Option<&Node<T>> {
        if component.is_empty() { self.any.as_deref() } else { self.literals.get(component) }
    }

    fn insert(&mut self, rest: Option<&str>, value: T) {
        let Some(rest) = rest else { return };
        let (component, behind) = first_component(rest);
        let child =
            if component.is_empty() { self.any.as_deref_mut() } else { self.literals.get_mut(component) };
        match child {
            Some(child) => child.insert(behind, value),
            None if component.is_empty() => self.any = Some(Box::new(Node::only(behind, value))),
            None => self.literals.insert(component, Node::only(behind, value)),
        }
    }

    /// The pattern that is left, if it is the only one.
    fn take_only(&mut self) -> Option<Node<T>> {
        let is_alone = match (&self.any, self.literals.len()) {
            (Some(any), 0) => matches!(**any, Node::Only { .. }),
            (None, 1) => self.literals.first().is_some_and(|node| matches!(node, Node::Only { .. })),
            _ => false,
        };
        if !is_alone {
            return None;
        }
        let (component, node) = match self.any.take() {
            Some(any) => (Box::default(), *any),
            None => self.literals.pop_first()?,
        };
        let Node::Only { rest, value } = node else { return None };
        let rest = match rest {
            Some(rest) => [&*component, ".", &*rest].concat().into(),
            None => component,
        };
        Some(Node::Only { rest: Some(rest), value })
    }
}

impl<T> Literals<T> {
    fn get(&self, component: &str) -> Option<&Node<T>> {
        match self {
            Self::Few(nodes) => {
                let index = nodes.binary_search_by(|(own, _)| (**own).cmp(component)).ok()?;
                nodes.get(index).map(|(_, node)| node)
            }
            Self::Many(nodes) => nodes.get(component),
        }
    }

    fn get_mut(&mut self, component: &str) -> Option<&mut Node<T>> {
        match self {
            Self::Few(nodes) => {
                let index = nodes.binary_search_by(|(own, _)| (**own).cmp(component)).ok()?;
                nodes.get_mut(index).map(|(_, node)| node)
            }
            Self::Many(nodes) => nodes.get_mut(component),
        }
    }

    /// Adds a component that is not there.
    fn insert(&mut self, component: &str, node: Node<T>) {
        match self {
            Self::Few(nodes) if nodes.len() < MANY => {
                let index = nodes.partition_point(|(own, _)| **own < *component);
                // Most branches have one literal.
                nodes.reserve_exact(if nodes.is_empty() { 1 } else { nodes.len() });
                nodes.insert(index, (component.into(), node));
            }
            Self::Few(nodes) => {
                let mut many: BTreeMap<_, _> = mem::take(nodes).into_iter().collect();
                many.insert(component.into(), node);
                *self = Self::Many(many);
            }
            Self::Many(nodes) => {
                nodes.insert(component.into(), node);
            }
        }
    }

    fn remove(&mut self, component: &str) {
        match self {
            Self::Few(nodes) => nodes.retain(|(own, _)| **own != *component),
            Self::Many(nodes) => {
                nodes.remove(component);
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Few(nodes) => nodes.len(),
            Self::Many(nodes) => nodes.len(),
        }
    }

    fn first(&self) -> Option<&Node<T>> {
        match self {
            Self::Few(nodes) => nodes.first().map(|(_, node)| node),
            Self::Many(nodes) => nodes.first_key_value().map(|(_, node)| node),
        }
    }

    fn pop_first(&mut self) -> Option<(Box<str>, Node<T>)> {
        match self {
            Self::Few(nodes) => nodes.pop(),
            Self::Many(nodes) => nodes.pop_first(),
        }
    }
}

/// Whether a pattern matches a URI of as many components.
fn is_match(pattern: Option<&str>, uri: Option<&str>) -> bool {
    match (pattern, uri) {
        (Some(pattern), Some(uri)) => {
            pattern.split('.').zip(uri.split('.')).all(|(own, component)| own.is_empty() || own == component)
        }
        (pattern, uri) => pattern.is_none() && uri.is_none(),
    }
}

fn components(uri: &str) -> usize {
    uri.bytes().filter(|&byte| byte == b'.').count() + 1
}

fn shape(pattern: &str) -> Shape {
    let empty = pattern.split('.').map(str::is_empty);
    // Exact up to 64 components, twice as many as the default rules let through.
    (components(pattern), empty.fold(0, |places: u64, is_empty| places.rotate_left(1) ^ u64::from(is_empty)))
}

fn first_component(uri: &str) -> (&str, Option<&str>) {
    match uri.split_once('.') {
        Some((component, rest)) => (component, Some(rest)),
        None => (uri, None),
    }
}

#[cfg(test)]
impl<T> Wildcards<T> {
    /// Whether nothing is left, not even an empty node.
    pub(super) fn is_empty(&self) -> bool {
        self.root_by_components.is_empty() && self.patterns_by_shape.is_empty()
    }
}
