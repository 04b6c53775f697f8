# What a shared library exports, for the linker of Linux. OpenSSL's own program of this name is not in the
# newer versions of the crate: util/mkdef.pl … --ordinals FILE …
use strict;
use warnings;

shift while @ARGV && $ARGV[0] ne "--ordinals";
open my $ordinals, "<", $ARGV[1] or die "$ARGV[1]: $!";
my %names;
while (<$ordinals>) {
    push @{$names{$2}}, $1 if /^(\w+)\s+\S+\s+(\w+)\s+EXIST:/;
}
my $others = "local: *;";
for my $version (sort keys %names) {
    print "OPENSSL_", $version =~ tr/_/./r, " { global: ", map("$_;\n", @{$names{$version}}), "$others };\n";
    $others = "";
}
