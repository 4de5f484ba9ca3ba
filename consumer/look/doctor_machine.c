/* --doctor: what could be wrong on the machine. */
#include <errno.h>
#include <mntent.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#ifdef WITH_INIH
#include <dirent.h>
#include <ini.h>
#endif

#include "base/cgroup.h"
#include "channel/owner.h"
#include "consumer/look/doctor_machine.h"
#include "observe/snapshot.h"

#define DOCKER_BYTES	(UINT64_C(64) << 20) /* what Docker and others give by default */
#define ROOM_BYTES	(UINT64_C(4) << 20)  /* enough for three channels of the default size */
#define MORE_OBJECTS	100000
#define MOUNT_TMPFS	"mount -t tmpfs tmpfs " OBJECT_FOLDER "   # as root"
#define SYSTEM_USER_MAX 999 /* logind removes nothing of theirs; see login.defs(5) */

/* ---- where it is ---- */

/*
 * Stores the type of what is mounted there last. Returns false if it is a part of another file
 * system.
 */
static bool mount_find(char type[64])
{
	FILE *table = setmntent("/proc/self/mounts", "re");
	struct mntent entry;
	char strings[4096];
	bool found = false;

	if (table == NULL)
		return false;
	while (getmntent_r(table, &entry, strings, sizeof(strings)) != NULL)
		if (strcmp(entry.mnt_dir, OBJECT_FOLDER) == 0) {
			snprintf(type, 64, "%s", entry.mnt_type);
			found = true;
		}
	endmntent(table);
	return found;
}

static bool in_container(void)
{
	return access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0;
}

/*
 * In a folder that others may write and that is not sticky, they may remove and rename all files.
 */
static void check_sticky(struct doctor *doctor)
{
	struct stat folder;

	if (stat(OBJECT_FOLDER, &folder) != 0)
		return;
	if (folder.st_uid != 0 && folder.st_uid != geteuid() && !owner_unknown(folder.st_uid)) {
		doctor_trouble(doctor,
			       OBJECT_FOLDER " belongs to user %lu, who may remove your channels",
			       (unsigned long)folder.st_uid);
		doctor_advice(doctor, "chown root " OBJECT_FOLDER "   # as root");
	}
	if ((folder.st_mode & S_ISVTX) != 0 || (folder.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return;
	doctor_trouble(doctor,
		       OBJECT_FOLDER " is not sticky (mode %04o): others may remove your "
				     "channels, and put theirs in their place",
		       (unsigned)folder.st_mode & 07777);
	doctor_advice(doctor, "chmod 1777 " OBJECT_FOLDER "   # as root");
}

static void check_access(struct doctor *doctor)
{
	int error;

	if (access(OBJECT_FOLDER, F_OK) != 0)
		return;
	check_sticky(doctor);
	if (access(OBJECT_FOLDER, W_OK | X_OK) == 0)
		return;
	error = errno;
	doctor_trouble(doctor, OBJECT_FOLDER " cannot be written: %s", strerror(error));
	if (error == EROFS)
		doctor_advice(doctor, "mount -o remount,rw " OBJECT_FOLDER "   # as root");
	else
		doctor_advice(doctor, "chmod 1777 " OBJECT_FOLDER "   # as root");
}

static void check_mount(struct doctor *doctor)
{
	char type[64];

	if (access(OBJECT_FOLDER, F_OK) != 0) {
		doctor_trouble(doctor, "there is no " OBJECT_FOLDER ": no channel can be made");
		doctor_advice(doctor, "mkdir -p " OBJECT_FOLDER " && " MOUNT_TMPFS);
	} else if (!mount_find(type)) {
		doctor_trouble(doctor,
			       OBJECT_FOLDER " is no mount of its own: it may be on a disk");
		doctor_advice(doctor, MOUNT_TMPFS);
	} else if (strcmp(type, "tmpfs") != 0) {
		doctor_trouble(doctor, OBJECT_FOLDER " is on %s, not on tmpfs", type);
		doctor_advice(doctor, MOUNT_TMPFS);
	} else {
		doctor_fine(doctor, "shared memory is at " OBJECT_FOLDER ", a tmpfs");
	}
	check_access(doctor);
}

/* ---- how much ---- */

static void check_space(struct doctor *doctor)
{
	char size[FIGURE_MAX], left[FIGURE_MAX];
	struct statvfs space;
	uint64_t all, available;

	if (statvfs(OBJECT_FOLDER, &space) != 0)
		return; /* was reported above */
	all = (uint64_t)space.f_blocks * space.f_frsize;
	available = (uint64_t)space.f_bavail * space.f_frsize;
	if (space.f_blocks == 0) {
		doctor_fine(doctor, "it has no limit of its own");
		return;
	}
	figure_bytes(size, all);
	figure_bytes(left, available);
	if (available < ROOM_BYTES) {
		doctor_trouble(doctor, "it has %s, of which only %s are free", size, left);
		doctor_advice(doctor, "shm-consume --list   # shows what is there, --remove "
				      "removes; or use a smaller --size");
	} else {
		doctor_fine(doctor, "it has %s, of which %s are free", size, left);
	}
	if (all == DOCKER_BYTES) {
		doctor_trouble(doctor, "that is the 64 MiB that containers get by default%s",
			       in_container() ? ", and this is one" : "");
		doctor_advice(doctor,
			      "# where it is started: docker run --shm-size=1g ... (Compose: "
			      "shm_size; Kubernetes: an emptyDir of medium Memory at " OBJECT_FOLDER
			      ")");
	}
	if (space.f_files > 0 && space.f_favail < 16) {
		doctor_trouble(doctor, "it has room for %llu more object%s only",
			       (unsigned long long)space.f_favail, plural(space.f_favail));
		doctor_advice(doctor,
			      "mount -o remount,nr_inodes=%llu " OBJECT_FOLDER "   # as root",
			      (unsigned long long)space.f_files + MORE_OBJECTS);
	}
}

/* Beyond this limit the kernel does not refuse memory to a channel: it kills a process. */
static void check_cgroup(struct doctor *doctor)
{
	uint64_t room = cgroup_room();
	char left[FIGURE_MAX];

	if (room == UINT64_MAX)
		return;
	figure_bytes(left, room);
	if (room < ROOM_BYTES) {
		doctor_trouble(doctor, "the memory limit of this control group leaves only %s",
			       left);
		doctor_advice(doctor, "# docker run --memory=1g ... (systemd: MemoryMax=; "
				      "Kubernetes: resources.limits.memory)");
	} else {
		doctor_fine(doctor, "the memory limit of this control group leaves %s", left);
	}
}

/* With 0, the kernel's default, any user may link a channel that he cannot even read. */
static void check_links(struct doctor *doctor)
{
	FILE *file = fopen("/proc/sys/fs/protected_hardlinks", "re");

	if (file == NULL)
		return;
	if (fgetc(file) == '0') {
		doctor_trouble(doctor, "any user can give your channels a second name, and nobody "
				       "uses one that has two");
		doctor_advice(doctor, "sysctl fs.protected_hardlinks=1   # as root");
	}
	fclose(file);
}

static void check_limits(struct doctor *doctor)
{
	struct rlimit limit;
	char text[FIGURE_MAX];

	if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
	    limit.rlim_cur >= ROOM_BYTES)
		return;
	doctor_trouble(doctor, "files of this process may have no more than %s, channels too",
		       figure_bytes(text, (uint64_t)limit.rlim_cur));
	doctor_advice(doctor, "ulimit -f unlimited   # %sor use a smaller --size",
		      limit.rlim_max == RLIM_INFINITY ? "" : "as root; ");
}

/* ---- who takes it away ---- */

/*
 * True if logind removes nothing of this user: it does so after a logout, except for system users
 * and users who linger. Writes why.
 */
static bool leaves_us_alone(char why[128])
{
	const uid_t uid = owner_outside(geteuid()); /* as logind sees this user */
	const struct passwd *user = getpwuid(uid);
	char path[320];

	if (access("/run/systemd/seats", F_OK) != 0 && access("/run/systemd/sessions", F_OK) != 0)
		snprintf(why, 128, "no systemd-logind runs here");
	else if (uid <= SYSTEM_USER_MAX)
		snprintf(why, 128, "it leaves system users like this one alone");
	else {
		snprintf(path, sizeof(path), "/var/lib/systemd/linger/%s",
			 user != NULL ? user->pw_name : "");
		if (user == NULL || access(path, F_OK) != 0)
			return false;
		snprintf(why, 128, "this user lingers");
	}
	return true;
}

#ifdef WITH_INIH

/* Like logind: "yes" unless a file says otherwise; the last file that says something counts. */
static int on_setting(void *context, const char *section, const char *name, const char *value)
{
	static const char *const no[] = { "no", "false", "off", "0", "n", "f", NULL };
	bool *remove = context;

	if (strcmp(section, "Login") != 0 || strcmp(name, "RemoveIPC") != 0)
		return 1;
	*remove = true;
	for (int i = 0; no[i] != NULL; i++)
		if (strcasecmp(value, no[i]) == 0)
			*remove = false;
	return 1;
}

static int is_setting(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot != NULL && strcmp(dot, ".conf") == 0;
}

static bool removes_ipc(void)
{
	static const char *const roots[] = { "/usr/lib/systemd", "/run/systemd", "/etc/systemd",
					     NULL };
	bool remove = true;
	char path[640];

	for (int i = 0; roots[i] != NULL; i++) {
		snprintf(path, sizeof(path), "%s/logind.conf", roots[i]);
		ini_parse(path, on_setting, &remove);
	}
	for (int i = 0; roots[i] != NULL; i++) {
		struct dirent **entries;
		int count;

		snprintf(path, sizeof(path), "%s/logind.conf.d", roots[i]);
		count = scandir(path, &entries, is_setting, alphasort);
		for (int j = 0; j < count; j++) {
			snprintf(path, sizeof(path), "%s/logind.conf.d/%s", roots[i],
				 entries[j]->d_name);
			ini_parse(path, on_setting, &remove);
			free(entries[j]);
		}
		if (count >= 0)
			free(entries);
	}
	return remove;
}

#else

/* Without a parser for such files: what logind does if no file says otherwise. */
static bool removes_ipc(void)
{
	return true;
}

#endif

static void check_logind(struct doctor *doctor)
{
	char why[128];

	if (leaves_us_alone(why)) {
		doctor_fine(doctor, "nobody removes channels when you log out: %s", why);
	} else if (!removes_ipc()) {
		doctor_fine(doctor, "nobody removes channels when you log out (RemoveIPC=no)");
	} else {
		doctor_trouble(doctor,
			       "systemd removes your channels when you log out (RemoveIPC)");
		doctor_advice(doctor, "loginctl enable-linger   # or RemoveIPC=no in "
				      "/etc/systemd/logind.conf");
	}
}

static void check_membarrier(struct doctor *doctor)
{
	if (channel_membarrier())
		doctor_fine(doctor, "membarrier works: messages need no fences");
	else
		doctor_fine(doctor,
			    "membarrier is refused here (by a sandbox's filter, or an old kernel): "
			    "what is used from in here is slower, and joining a channel that "
			    "others are in may take two seconds");
}

void doctor_machine(struct doctor *doctor)
{
	char layout[128];

	check_mount(doctor);
	check_space(doctor);
	check_cgroup(doctor);
	check_limits(doctor);
	check_links(doctor);
	check_logind(doctor);
	channel_layout(layout, sizeof(layout));
	doctor_fine(doctor, "channels made here are of %s", layout);
	check_membarrier(doctor);
}
