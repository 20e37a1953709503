/* The treap under the address map. Looks inside: links the core's objects. */
#include "base/tree.h"

#include "runner.h"

#include <stdint.h>
#include <stdlib.h>

enum { COUNT = 4096 };

static aai_node nodes[COUNT];
static unsigned char present[COUNT];
static aai_node *root;

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void insert(size_t i, uint64_t key)
{
    nodes[i].key = key;
    aai_tree_insert(&root, &nodes[i]);
    present[i] = 1;
}

static size_t depth_of(const aai_node *node)
{
    if (node == NULL) {
        return 0;
    }
    const size_t left = depth_of(node->left), right = depth_of(node->right);
    return 1 + (left > right ? left : right);
}

/* Number of nodes; keys must lie in [low, high] and rise from left to right. */
static size_t count_ordered(const aai_node *node, uint64_t low, uint64_t high)
{
    if (node == NULL) {
        return 0;
    }
    ck_assert_uint_ge(node->key, low);
    ck_assert_uint_le(node->key, high);
    size_t count = 1;
    if (node->left != NULL) {
        ck_assert_uint_gt(node->key, 0);
        count += count_ordered(node->left, low, node->key - 1);
    }
    if (node->right != NULL) {
        ck_assert_uint_lt(node->key, UINT64_MAX);
        count += count_ordered(node->right, node->key + 1, high);
    }
    return count;
}

START_TEST(an_empty_tree_finds_nothing)
{
    ck_assert_ptr_null(aai_tree_find(NULL, 0));
    ck_assert_ptr_null(aai_tree_floor(NULL, UINT64_MAX));
    ck_assert_ptr_null(aai_tree_remove(&root, 7));
}
END_TEST

START_TEST(find_returns_the_node_of_a_key_and_of_no_other)
{
    for (size_t i = 0; i < 100; ++i) {
        insert(i, 10 * i);
    }
    for (size_t i = 0; i < 100; ++i) {
        ck_assert_ptr_eq(aai_tree_find(root, 10 * i), &nodes[i]);
        ck_assert_ptr_null(aai_tree_find(root, 10 * i + 1));
    }
}
END_TEST

START_TEST(floor_returns_the_largest_key_that_is_not_above)
{
    for (size_t i = 0; i < 100; ++i) {
        insert(i, 10 * i + 5);
    }
    ck_assert_ptr_null(aai_tree_floor(root, 4));
    for (size_t i = 0; i < 100; ++i) {
        ck_assert_ptr_eq(aai_tree_floor(root, 10 * i + 5), &nodes[i]);
        ck_assert_ptr_eq(aai_tree_floor(root, 10 * i + 14), &nodes[i]);
    }
    ck_assert_ptr_eq(aai_tree_floor(root, UINT64_MAX), &nodes[99]);
}
END_TEST

START_TEST(the_smallest_and_largest_keys_are_like_any_other)
{
    insert(0, 0);
    insert(1, UINT64_MAX);
    ck_assert_ptr_eq(aai_tree_find(root, 0), &nodes[0]);
    ck_assert_ptr_eq(aai_tree_find(root, UINT64_MAX), &nodes[1]);
    ck_assert_ptr_eq(aai_tree_floor(root, UINT64_MAX - 1), &nodes[0]);
    ck_assert_ptr_eq(aai_tree_remove(&root, UINT64_MAX), &nodes[1]);
    ck_assert_ptr_eq(aai_tree_remove(&root, 0), &nodes[0]);
    ck_assert_ptr_null(root);
}
END_TEST

START_TEST(remove_takes_out_one_node_and_says_which)
{
    for (size_t i = 0; i < 100; ++i) {
        insert(i, i);
    }
    ck_assert_ptr_eq(aai_tree_remove(&root, 42), &nodes[42]);
    ck_assert_ptr_null(aai_tree_remove(&root, 42));
    ck_assert_ptr_null(aai_tree_find(root, 42));
    ck_assert_ptr_eq(aai_tree_floor(root, 42), &nodes[41]);
    ck_assert_uint_eq(count_ordered(root, 0, UINT64_MAX), 99);
}
END_TEST

START_TEST(a_node_can_be_inserted_again_under_another_key)
{
    insert(0, 1);
    insert(1, 2);
    ck_assert_ptr_eq(aai_tree_remove(&root, 1), &nodes[0]);
    insert(0, 3);
    ck_assert_ptr_eq(aai_tree_find(root, 3), &nodes[0]);
    ck_assert_ptr_null(aai_tree_find(root, 1));
    ck_assert_uint_eq(count_ordered(root, 0, UINT64_MAX), 2);
}
END_TEST

START_TEST(rising_keys_do_not_make_a_deep_tree)
{
    for (size_t i = 0; i < COUNT; ++i) {
        insert(i, i * 65536);
    }
    ck_assert_uint_le(depth_of(root), 48); /* 4 x log2(4096): the shape depends on the keys alone */
}
END_TEST

/* The largest present key that is not above, by looking at all. */
static const aai_node *slow_floor(uint64_t key)
{
    const aai_node *best = NULL;
    for (size_t i = 0; i < COUNT; ++i) {
        if (present[i] && nodes[i].key <= key && (best == NULL || nodes[i].key > best->key)) {
            best = &nodes[i];
        }
    }
    return best;
}

START_TEST(random_insertions_and_removals_agree_with_a_list)
{
    uint64_t random = UINT64_C(88172645463325252) + (uint64_t)_i;
    size_t live = 0;
    for (int step = 0; step < 20000; ++step) {
        const size_t i = next_random(&random) % COUNT;
        if (present[i]) {
            ck_assert_ptr_eq(aai_tree_remove(&root, nodes[i].key), &nodes[i]);
            present[i] = 0;
            --live;
        } else {
            insert(i, (uint64_t)i << 20 | (next_random(&random) & 0xfffff));
            ++live;
        }
        if (step % 100 == 0) {
            const uint64_t key = next_random(&random) % ((uint64_t)COUNT << 20);
            ck_assert_ptr_eq(aai_tree_floor(root, key), slow_floor(key));
        }
        if (step % 1000 == 0) {
            ck_assert_uint_eq(count_ordered(root, 0, UINT64_MAX), live);
        }
    }
}
END_TEST

AA_TEST_MAIN("tree", AA_TEST(an_empty_tree_finds_nothing),
             AA_TEST(find_returns_the_node_of_a_key_and_of_no_other),
             AA_TEST(floor_returns_the_largest_key_that_is_not_above),
             AA_TEST(the_smallest_and_largest_keys_are_like_any_other),
             AA_TEST(remove_takes_out_one_node_and_says_which),
             AA_TEST(a_node_can_be_inserted_again_under_another_key),
             AA_TEST(rising_keys_do_not_make_a_deep_tree),
             AA_TEST_LOOP(random_insertions_and_removals_agree_with_a_list, 0, 8))
