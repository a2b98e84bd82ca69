#include "appliance/privilege.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

static bool nothing_to_do(const char *user)
{
    return !user[0] || getuid() != 0;
}

static const struct passwd *find_user(const char *user, struct log *log)
{
    const struct passwd *pw = getpwnam(user);
    if (!pw)
        log_error(log, "boot.no_such_user", F_STR("user", user),
                  F_STR("remedy", "make it with adduser --system, or leave process.user empty"));
    return pw;
}

/* The folder may have been that user's for long, and what he has put there is not ours to trust: a symbolic
 * or a hard link would give him the file it leads to. */
static int give_file(int dir, const char *name, const struct passwd *pw)
{
    struct stat is;
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ELOOP || errno == ENXIO ? 0 : -errno; /* sqlite removes journals */
    int rc = fstat(fd, &is) ? -errno : 0;
    if (!rc && S_ISREG(is.st_mode) && is.st_nlink == 1 && fchown(fd, pw->pw_uid, pw->pw_gid))
        rc = -errno;
    close(fd);
    return rc;
}

static int give_folder(const char *path, const struct passwd *pw)
{
    DIR *dir = opendir(path);
    if (!dir)
        return -errno;
    int rc = fchown(dirfd(dir), pw->pw_uid, pw->pw_gid) ? -errno : 0;
    for (const struct dirent *e; !rc && (e = readdir(dir));)
        rc = give_file(dirfd(dir), e->d_name, pw);
    closedir(dir);
    return rc;
}

int privilege_give_files(const char *user, const char *store_path, const char *socket_path, struct log *log)
{
    if (nothing_to_do(user))
        return 0;
    const struct passwd *pw = find_user(user, log);
    if (!pw)
        return -ENOENT;
    int rc = give_folder(store_path, pw);
    if (!rc && lchown(socket_path, pw->pw_uid, pw->pw_gid))
        rc = -errno;
    if (rc)
        log_error(log, "boot.files_not_given", F_STR("user", user), F_STR("path", store_path), F_ERRNO(rc));
    return rc;
}

int privilege_drop(const char *user, struct log *log)
{
    if (nothing_to_do(user))
        return 0;
    const struct passwd *pw = find_user(user, log);
    if (!pw)
        return -ENOENT;
    if (initgroups(pw->pw_name, pw->pw_gid) || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) ||
        setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid)) {
        int rc = -errno;
        log_error(log, "boot.user_refused", F_STR("user", user), F_ERRNO(rc));
        return rc;
    }
    return 0;
}
