/* Floor 5, alloc: reports at exit. */
#ifndef AAI_REPORT_H
#define AAI_REPORT_H

/* With AA_STATS set: report the live allocators to stderr at exit; with AA_CHECKS=full, what tasks left on the
 * heap. Any number of calls. */
void aai_report_at_exit(void);

#endif
