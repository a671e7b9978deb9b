//! Which collection feeds which, and the orders in which that can be walked. No recursion, however long the chains.

/// A directed graph over `0..nodes`, its edges in both directions.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    downstream: Edges,
    upstream: Edges,
}

/// The edges that leave each node, in one list.
#[derive(Clone, Debug)]
pub(super) struct Edges {
    /// Where the edges of each node begin; one more entry than there are nodes.
    starts: Vec<u32>,
    targets: Vec<u32>,
}

impl Edges {
    /// Edges sorted by where they leave, in the order given where that is the same.
    fn new(nodes: usize, edges: impl Iterator<Item = (u32, u32)> + Clone) -> Edges {
        let mut starts = vec![0_u32; nodes + 1];
        edges.clone().for_each(|(from, _)| starts[from as usize + 1] += 1);
        for at in 0..nodes {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut targets = vec![0; starts[nodes] as usize];
        for (from, to) in edges {
            targets[next[from as usize] as usize] = to;
            next[from as usize] += 1;
        }
        Edges { starts, targets }
    }

    /// The nodes that the edges of a node lead to.
    pub(super) fn of(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.targets[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// All nodes that `starts` lead to, themselves included, each before those that its edges lead to (a topological
    /// order); or the nodes of a circle among them, its first once more at the end.
    pub(super) fn order(&self, starts: impl IntoIterator<Item = u32>) -> Result<Vec<u32>, Vec<u32>> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            /// On the way from a start to where the walk is.
            OnTheWay,
            Done,
        }
        let mut marks = vec![Mark::New; self.len()];
        // A node is done once all that it leads to are: done last, it stands first.
        let mut done = Vec::new();
        let mut way: Vec<(u32, usize)> = Vec::new();
        for start in starts {
            if marks[start as usize] != Mark::New {
                continue;
            }
            marks[start as usize] = Mark::OnTheWay;
            way.push((start, 0));
            while let Some((node, next)) = way.last_mut() {
                let Some(target) = self.of(*node).get(*next).copied() else {
                    marks[*node as usize] = Mark::Done;
                    done.push(*node);
                    way.pop();
                    continue;
                };
                *next += 1;
                match marks[target as usize] {
                    Mark::Done => {}
                    Mark::New => {
                        marks[target as usize] = Mark::OnTheWay;
                        way.push((target, 0));
                    }
                    Mark::OnTheWay => {
                        let way = way.iter().map(|(node, _)| *node);
                        return Err(way.skip_while(|node| *node != target).chain([target]).collect());
                    }
                }
            }
        }
        done.reverse();
        Ok(done)
    }
}

impl Graph {
    /// The graph of these edges, each from what feeds to what is fed.
    pub(super) fn new(nodes: usize, edges: &[(u32, u32)]) -> Graph {
        let downstream = Edges::new(nodes, edges.iter().copied());
        let upstream = Edges::new(nodes, edges.iter().map(|(from, to)| (*to, *from)));
        Graph { downstream, upstream }
    }

    /// From a collection to those that it feeds.
    pub(super) fn downstream(&self) -> &Edges {
        &self.downstream
    }

    /// From a collection to those that feed it.
    pub(super) fn upstream(&self) -> &Edges {
        &self.upstream
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_or_a_circle() {
        let graph = Graph::new(5, &[(0, 1), (0, 2), (1, 3), (2, 3), (3, 4)]);
        let order = graph.downstream().order([0]).unwrap();
        assert_eq!(order.len(), 5);
        for (from, to) in [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4)] {
            let at = |node: u32| order.iter().position(|found| *found == node);
            assert!(at(from) < at(to), "{order:?}");
        }
        assert_eq!(graph.upstream().order([1]).unwrap(), [1, 0]);
        let circle = Graph::new(4, &[(0, 1), (1, 2), (2, 3), (3, 1)]);
        assert_eq!(circle.downstream().order([0]).unwrap_err(), [1, 2, 3, 1]);
        assert_eq!(Graph::new(1, &[(0, 0)]).downstream().order([0]).unwrap_err(), [0, 0]);
    }
}
