//! Wildcards, in a trie over components.

use std::collections::BTreeMap;

/// Values under wildcard patterns.
///
/// The literal child comes before the one for any component, so that the first match met depth first is the
/// one with the longest literal runs from the left (PBR-04).
#[derive(Debug)]
pub(super) struct Wildcards<T> {
    /// One trie for each number of components: patterns of another length never match.
    root_by_components: BTreeMap<usize, Node<T>>,
}

/// What stands under the components from the root to here.
#[derive(Debug)]
struct Node<T> {
    value: Option<T>,
    literals: BTreeMap<Box<str>, Node<T>>,
    /// Under the empty component, which matches any.
    any: Option<Box<Node<T>>>,
}

impl<T> Default for Wildcards<T> {
    fn default() -> Self {
        Self { root_by_components: BTreeMap::new() }
    }
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { value: None, literals: BTreeMap::new(), any: None }
    }
}

impl<T> Wildcards<T> {
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
        for component in pattern.split('.') {
            node = if component.is_empty() { node.any.as_deref()? } else { node.literals.get(component)? };
        }
        node.value.as_ref()
    }

    pub(super) fn insert(&mut self, pattern: &str, value: T) {
        let mut node = self.root_by_components.entry(components(pattern)).or_default();
        for component in pattern.split('.') {
            node = if component.is_empty() {
                node.any.get_or_insert_default()
            } else {
                node.literals.entry(component.into()).or_default()
            };
        }
        node.value = Some(value);
    }

    pub(super) fn remove(&mut self, pattern: &str) {
        let components = components(pattern);
        let Some(root) = self.root_by_components.get_mut(&components) else { return };
        root.remove(Some(pattern));
        if root.is_empty() {
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
    /// Depth first, until `visit` returns something. `rest` is what is left of the URI, none behind its end.
    ///
    /// As deep as the URI has components, which its rules bound.
    fn find<'a, R>(&'a self, rest: Option<&str>, visit: &mut impl FnMut(&'a T) -> Option<R>) -> Option<R> {
        let Some(rest) = rest else {
            return self.value.as_ref().and_then(visit);
        };
        let (component, rest) = first_component(rest);
        let literal = self.literals.get(component).and_then(|literal| literal.find(rest, visit));
        literal.or_else(|| self.any.as_ref()?.find(rest, visit))
    }

    fn remove(&mut self, rest: Option<&str>) {
        let Some(rest) = rest else {
            self.value = None;
            return;
        };
        let (component, rest) = first_component(rest);
        if component.is_empty() {
            if let Some(any) = &mut self.any {
                any.remove(rest);
            }
            self.any.take_if(|any| any.is_empty());
        } else if let Some(literal) = self.literals.get_mut(component) {
            literal.remove(rest);
            if literal.is_empty() {
                self.literals.remove(component);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.value.is_none() && self.literals.is_empty() && self.any.is_none()
    }
}

fn components(uri: &str) -> usize {
    uri.bytes().filter(|&byte| byte == b'.').count() + 1
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
        self.root_by_components.is_empty()
    }
}
