/*
 * What victims do. prepare_...() runs freely, then the victim stops; operate_...() is the operation
 * that is stepped, and in which the victim is killed.
 */
#ifndef CRASH_OPERATE_H
#define CRASH_OPERATE_H

void prepare_nothing(void);
void prepare_producer(void);
void prepare_full_producer(void);
void prepare_dropping_producer(void);
void prepare_old_dropping_producer(void);
void prepare_consumer(void);
void prepare_other(void);
void prepare_quick_consumer(void);
void prepare_holder(void);
void prepare_part_holder(void);
void prepare_removing(void);
void prepare_in_long(void);
void prepare_quick_holder(void);
void prepare_tap(void);

void operate_attach_producer(void);
void operate_attach_consumer(void);
void operate_attach_other(void);
void operate_attach_declaring(void);
void operate_receive_other(void);
void operate_remove_group(void);
void operate_send(void);
void operate_send_keyed(void);
void operate_send_block(void);
void operate_drop(void);
void operate_drop_old(void);
void operate_drop_old_for_other(void);
void operate_send_waiting(void);
void operate_send_piece(void);
void operate_wait_consumers(void);
void operate_receive(void);
void operate_receive_part(void);
void operate_receive_shared(void);
void operate_receive_together(void);
void operate_retry(void);
void operate_try(void);
void operate_receive_several(void);
void operate_acknowledge(void);
void operate_give_back(void);
void operate_detach(void);
void operate_end(void);
void operate_follow_through(void);
void operate_tap(void);
void operate_tap_oldest(void);
void operate_look(void);

#endif
