//! Prefixes of URIs, in a radix trie over octets.

use std::mem;

/// Values under prefixes. A lookup costs the length of the URI, whatever else is held.
#[derive(Debug)]
pub(super) struct Prefixes<T> {
    root: Node<T>,
}

/// What stands under the labels from the root to here.
#[derive(Debug)]
struct Node<T> {
    /// The octets between the parent and this node; only the root has none.
    label: Box<[u8]>,
    value: Option<T>,
    /// In the order of their labels' first octets, which all differ.
    children: Vec<Node<T>>,
}

impl<T> Default for Prefixes<T> {
    fn default() -> Self {
        Self { root: Node::leaf(&[], None) }
    }
}

impl<T> Prefixes<T> {
    /// Visits the value of every prefix of the URI, shorter prefixes first.
    pub(super) fn for_each_match<'a>(&'a self, uri: &str, visit: &mut impl FnMut(&'a T)) {
        let mut node = &self.root;
        let mut rest = uri.as_bytes();
        loop {
            if let Some(value) = &node.value {
                visit(value);
            }
            let Some((child, behind)) = node.child(rest) else { return };
            (node, rest) = (child, behind);
        }
    }

    pub(super) fn get(&self, prefix: &str) -> Option<&T> {
        let mut node = &self.root;
        let mut rest = prefix.as_bytes();
        while !rest.is_empty() {
            (node, rest) = node.child(rest)?;
        }
        node.value.as_ref()
    }

    pub(super) fn insert(&mut self, prefix: &str, value: T) {
        self.root.insert(prefix.as_bytes(), value);
    }

    pub(super) fn remove(&mut self, prefix: &str) {
        self.root.remove(prefix.as_bytes());
    }
}

impl<T> Node<T> {
    fn leaf(label: &[u8], value: Option<T>) -> Self {
        Self { label: label.into(), value, children: Vec::new() }
    }

    /// Where the child is, or would be, whose label begins as `rest` does.
    fn place(&self, rest: &[u8]) -> Result<usize, usize> {
        self.children.binary_search_by(|child| child.label.first().cmp(&rest.first()))
    }

    /// The child whose label `rest` begins with, and what of `rest` is behind it.
    fn child<'a>(&self, rest: &'a [u8]) -> Option<(&Self, &'a [u8])> {
        let child = self.children.get(self.place(rest).ok()?)?;
        Some((child, rest.strip_prefix(&*child.label)?))
    }

    fn insert(&mut self, rest: &[u8], value: T) {
        if rest.is_empty() {
            self.value = Some(value);
            return;
        }
        match self.place(rest) {
            Err(place) => self.children.insert(place, Self::leaf(rest, Some(value))),
            Ok(place) => {
                let Some(child) = self.children.get_mut(place) else { return };
                let shared = child.label.iter().zip(rest).take_while(|(a, b)| a == b).count();
                child.split(shared);
                child.insert(rest.get(shared..).unwrap_or_default(), value);
            }
        }
    }

    /// Has the label end after `at` octets; what was behind becomes the only child.
    fn split(&mut self, at: usize) {
        let Some((label, behind)) = self.label.split_at_checked(at) else { return };
        if behind.is_empty() {
            return;
        }
        let (label, behind) = (label.into(), behind.into());
        let lower = Self { label: behind, value: self.value.take(), children: mem::take(&mut self.children) };
        self.label = label;
        self.children.push(lower);
    }

    fn remove(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            self.value = None;
            return;
        }
        let Ok(place) = self.place(rest) else { return };
        let Some(child) = self.children.get_mut(place) else { return };
        let Some(behind) = rest.strip_prefix(&*child.label) else { return };
        child.remove(behind);
        if child.value.is_none() {
            match child.children.len() {
                0 => {
                    self.children.remove(place);
                }
                1 => child.absorb_only_child(),
                _ => {}
            }
        }
        if self.children.is_empty() {
            self.children = Vec::new();
        }
    }

    fn absorb_only_child(&mut self) {
        let Some(child) = self.children.pop() else { return };
        self.label = [&*self.label, &*child.label].concat().into();
        self.value = child.value;
        self.children = child.children;
    }
}

#[cfg(test)]
impl<T> Prefixes<T> {
    /// Nodes besides the root.
    pub(super) fn nodes(&self) -> usize {
        self.root.descendants()
    }
}

#[cfg(test)]
impl<T> Node<T> {
    fn descendants(&self) -> usize {
        self.children.iter().map(|child| 1 + child.descendants()).sum()
    }
}
