/* commands: one function a subcommand; argv starts behind the command words. Returns the exit code. */
#pragma once

int usage(const char *why); /* prints it; 2, for which main adds what the command takes */

int ctl_ping(const char *socket, int argc, char **argv);
int ctl_status(const char *socket, int argc, char **argv);
int ctl_stats(const char *socket, int argc, char **argv);
int ctl_connections(const char *socket, int argc, char **argv);
int ctl_registrations(const char *socket, int argc, char **argv);
int ctl_dialogs(const char *socket, int argc, char **argv);
int ctl_allocations(const char *socket, int argc, char **argv);
int ctl_core(const char *socket, int argc, char **argv);
int ctl_user_add(const char *socket, int argc, char **argv);
int ctl_user_remove(const char *socket, int argc, char **argv);
int ctl_user_list(const char *socket, int argc, char **argv);
int ctl_reload(const char *socket, int argc, char **argv);
int ctl_keys_rotate(const char *socket, int argc, char **argv);
int ctl_drain(const char *socket, int argc, char **argv);
int ctl_bans_list(const char *socket, int argc, char **argv);
int ctl_bans_add(const char *socket, int argc, char **argv);
int ctl_bans_remove(const char *socket, int argc, char **argv);
int ctl_bans_clear(const char *socket, int argc, char **argv);
int ctl_policy_list(const char *socket, int argc, char **argv);
int ctl_policy_test(const char *socket, int argc, char **argv);
int ctl_config_check(const char *socket, int argc, char **argv);
int ctl_config_diff(const char *socket, int argc, char **argv);
int ctl_config_show(const char *socket, int argc, char **argv);
