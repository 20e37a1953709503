/* Floor 1, base: text from outside. It cannot repair what is no UTF-8; who writes it chooses what stands in its place. */
#include "base/base.h"

size_t aai_utf8_at(const unsigned char *at)
{
    const unsigned first = at[0];
    const size_t bytes = first < 0x80                     ? 1
                         : first >= 0xc2 && first <= 0xdf ? 2
                         : first >= 0xe0 && first <= 0xef ? 3
                         : first >= 0xf0 && first <= 0xf4 ? 4
                                                          : 0;
    for (size_t i = 1; i < bytes; ++i) {
        if ((at[i] & 0xc0) != 0x80) { /* the end of the text, too */
            return 0;
        }
    }
    const bool wrong = (first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] > 0x9f) ||
                       (first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] > 0x8f);
    return wrong ? 0 : bytes;
}
