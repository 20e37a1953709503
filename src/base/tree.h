/* Floor 1, base: an intrusive treap keyed by 64-bit numbers.
 *
 * Cannot allocate, lock or hold equal keys. Priorities are a hash of the key, so the shape depends on the
 * set of keys alone; expected depth O(log n).
 * Invariant: left->key < node->key < right->key and rank(node) >= rank(child).
 * Source: Aragon and Seidel, "Randomized search trees". */
#ifndef AAI_TREE_H
#define AAI_TREE_H

#include "base/base.h"

typedef struct aai_node {
    uint64_t key;
    struct aai_node *left, *right;
} aai_node;

/* Insert a node whose key is not in the tree. O(log n). */
void aai_tree_insert(aai_node **root, aai_node *node);
/* Remove and return the node with a key, NULL if there is none. O(log n). */
aai_node *aai_tree_remove(aai_node **root, uint64_t key);
/* The node with this key, NULL if there is none. O(log n). */
aai_node *aai_tree_find(aai_node *root, uint64_t key);
/* The node with the largest key <= this one, NULL if there is none. O(log n). */
aai_node *aai_tree_floor(aai_node *root, uint64_t key);

#endif
