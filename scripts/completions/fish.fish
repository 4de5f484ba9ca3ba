# __@WHAT@_option LETTER NAME: the argument of the last one of these on the line. LETTER may be "-".
function __@WHAT@_option
    set -l words (commandline -opc)
    set -l value
    set -l taken no
    for word in $words[2..-1]
        if test $taken = yes
            set value $word
            set taken no
            continue
        end
        switch $word
            case --
                break
            case --$argv[2]=\*
                set value (string replace -- --$argv[2]= '' $word)
            case -$argv[1] --$argv[2]
                set taken yes
            case -$argv[1]\*
                test $argv[1] = -; or set value (string replace -- -$argv[1] '' $word)
        end
    end
    test -n "$value"; and printf '%s\n' $value
end

# The names of a user's channels. The tool knows what their objects are called, and lists none that is
# not of a valid form, for others may put objects there, too.
function __@WHAT@_channel
    set -l arguments --list
    set -l owner (__@WHAT@_option - owner)
    test -n "$owner"; and set -a arguments --owner $owner
    shm-consume $arguments 2>/dev/null </dev/null | sed -n '1!s/ .*//p'
end

# Those of its groups that have a name.
function __@WHAT@_group
    set -l arguments --status
    set -l channel (__@WHAT@_option C channel)
    set -l owner (__@WHAT@_option - owner)
    test -n "$channel"; and set -a arguments -C $channel
    test -n "$owner"; and set -a arguments --owner $owner
    shm-consume $arguments 2>/dev/null </dev/null |
        sed -n '/^GROUP .*MESSAGES/,/^$/s/^\([a-zA-Z0-9._-]\{1,\}\)  *[0-9].*/\1/p'
end

# The same behind those that a list has already.
function __@WHAT@_groups
    set -l first (commandline -ct | string match -r '^(?:--[a-z-]+=)?((?:[^,]*,)*)')[2]
    string replace -r -- '^' "$first" (__@WHAT@_group)
end

# Where the "--" is behind which a command may follow. It may be the argument of an option, too.
function __@WHAT@_dashes
    set -l words (commandline -opc)
    set -l i 2
    while test $i -le (count $words)
        if test $words[$i] = --
            echo $i
            return 0
        end
        contains -- $words[$i] @WITH_ARGUMENT@; and set i (math $i + 1)
        set i (math $i + 1)
    end
    return 1
end

function __@WHAT@_at_command
    __@WHAT@_dashes >/dev/null
end

function __@WHAT@_command
    set -l words (commandline -opc)
    set -e words[1..(__@WHAT@_dashes)]
    complete -C (string join ' ' -- (string escape -- $words) (commandline -ct))
end

