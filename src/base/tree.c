/* Floor 1, base: the treap of tree.h. */
#include "base/tree.h"

static uint64_t rank(const aai_node *node)
{
    uint64_t x = node->key + UINT64_C(0x9e3779b97f4a7c15); /* splitmix64's finaliser */
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Split a tree into the nodes with keys below `key` and the rest. */
static void split(aai_node *node, uint64_t key, aai_node **below, aai_node **rest)
{
    while (node != NULL) {
        if (node->key < key) {
            *below = node;
            below = &node->right;
            node = node->right;
        } else {
            *rest = node;
            rest = &node->left;
            node = node->left;
        }
    }
    *below = NULL;
    *rest = NULL;
}

void aai_tree_insert(aai_node **root, aai_node *node)
{
    const uint64_t mine = rank(node);
    aai_node **link = root;
    while (*link != NULL && rank(*link) >= mine) {
        link = node->key < (*link)->key ? &(*link)->left : &(*link)->right;
    }
    split(*link, node->key, &node->left, &node->right);
    *link = node;
}

static aai_node *merge(aai_node *low, aai_node *high)
{
    aai_node *root = NULL;
    aai_node **link = &root;
    while (low != NULL && high != NULL) {
        if (rank(low) >= rank(high)) {
            *link = low;
            link = &low->right;
            low = low->right;
        } else {
            *link = high;
            link = &high->left;
            high = high->left;
        }
    }
    *link = low != NULL ? low : high;
    return root;
}

aai_node *aai_tree_remove(aai_node **root, uint64_t key)
{
    aai_node **link = root;
    while (*link != NULL && (*link)->key != key) {
        link = key < (*link)->key ? &(*link)->left : &(*link)->right;
    }
    aai_node *const found = *link;
    if (found != NULL) {
        *link = merge(found->left, found->right);
        found->left = found->right = NULL;
    }
    return found;
}

aai_node *aai_tree_find(aai_node *root, uint64_t key)
{
    while (root != NULL && root->key != key) {
        root = key < root->key ? root->left : root->right;
    }
    return root;
}

aai_node *aai_tree_floor(aai_node *root, uint64_t key)
{
    aai_node *best = NULL;
    while (root != NULL) {
        if (root->key <= key) {
            best = root;
            root = root->right;
        } else {
            root = root->left;
        }
    }
    return best;
}
